"""What earlier searches found out about the same model, so that it is not found out again.

Graphs, answers on the select split and quick timings are recalled; a certificate or a careful
timing never is. A recalled timing holds on the same hardware only.
"""

import hashlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, final

import msgspec
import numpy as np

from tradewind.errors import PassRefusal
from tradewind.model import Model
from tradewind.passes import Change, Observed, Pass
from tradewind.search.cache import Cache, Entry, key_of
from tradewind.tensors import Array, Tensors

_PACKAGES = ("numpy", "onnx", "onnx-ir", "onnxscript", "onnxruntime", "openvino", "nncf", "torch")
_CODE = ("engines", "interpreter", "passes", "runners")
"""Whose results are kept: another line of code there may be another result."""

_LONG_ENOUGH = 0.8
"""A pass that may take this share of what it took before would hardly do better."""


@dataclass(frozen=True)
class Look:
    """A quick look at a variant, in units of the baseline's in the same moments.

    Args:
        choice: which of the engines was the quickest.
        batch_size: at which it answers most.
        concurrency: callers at once with which it answers most.
        latency: of one answer.
        example: wall time for an example under load.
        cpu: CPU time for an example under load.
        peak_memory_bytes: of a fresh process; None where that was not looked at.
    """

    choice: int
    batch_size: int
    concurrency: int
    latency: float
    example: float
    cpu: float
    peak_memory_bytes: int | None = None


@final
@dataclass
class Recall:
    """The memory of one search.

    Args:
        cache: where results are kept; None to keep and to find none.
        used: how many results of earlier searches were found.
    """

    cache: Cache | None = None
    used: int = 0
    _own: set[str] = field(default_factory=set, repr=False)  # what this search has kept itself

    def change(
        self,
        step: Pass,
        model: Model,
        seen: Observed,
        isa: tuple[str, ...],
        make: Callable[[], Change],
    ) -> Change:
        """Return what a pass makes of a model, as it was found or as it is made now.

        Args:
            step: the pass.
            model: what it changes.
            seen: what it has observed.
            isa: of this machine, whose arithmetic passes may observe.
            make: applies the pass.

        Raises:
            PassRefusal: the pass does not fit the model, as it said now or before.
            PassError: it failed in another way.
        """
        if self.cache is None:
            return make()
        settings = asdict(step)
        time_s = settings.pop("time_s", 0.0)
        key = key_of(
            {
                "kind": "pass",
                "pass": step.name,
                "settings": settings,
                "model": model.digest,
                "seen": digest_of(seen.inputs),
                "original": None if seen.original is None else seen.original.digest,
                "isa": isa,
                **versions(),
            }
        )
        found = self._get(key)
        if found is not None and found.about["time_s"] >= _LONG_ENOUGH * time_s:
            if "refusal" in found.about:
                raise PassRefusal(*found.about["refusal"])
            return Change(Model(found.parts["model"], model.origin), found.about["summary"])
        try:
            change = make()
        except PassRefusal as error:
            said = [error.where, error.expected, error.got, error.hint]
            self._put(key, Entry({"time_s": time_s, "refusal": said}))
            raise
        about = {"time_s": time_s, "summary": change.summary}
        self._put(key, Entry(about, {"model": change.model.content}))
        return change

    def answers(self, key: str) -> tuple[Array, Array | None] | None:
        """Return answers with their class scores, where there are such; None where unknown."""
        found = self._get(key)
        if found is None:
            return None
        logits = found.parts.get("logits")
        return _array(found.parts["answers"]), None if logits is None else _array(logits)

    def keep_answers(self, key: str, answers: Array, logits: Array | None) -> None:
        """Keep what a variant said; strings are not kept."""
        if answers.dtype == object:
            return
        parts = {"answers": _bytes(answers)}
        if logits is not None:
            parts["logits"] = _bytes(logits)
        self._put(key, Entry({}, parts))

    def look(self, key: str) -> Look | None:
        """Return a quick look that was taken before."""
        found = self._get(key)
        return None if found is None else msgspec.convert(found.about, Look)

    def keep_look(self, key: str, look: Look) -> None:
        """Keep a quick look."""
        self._put(key, Entry(asdict(look)))

    def _get(self, key: str) -> Entry | None:
        found = None if self.cache is None else self.cache.get(key)
        if found is not None and key not in self._own:
            self.used += 1
        return found

    def _put(self, key: str, entry: Entry) -> None:
        if self.cache is not None:
            self.cache.put(key, entry)
            self._own.add(key)


def digest_of(tensors: Tensors) -> str:
    """Return one SHA-256 over names, types, shapes and values."""
    found = hashlib.sha256()
    for name, array in tensors.items():
        found.update(repr((name, str(array.dtype), array.shape)).encode())
        is_text = array.dtype == object
        found.update(repr(array.tolist()).encode() if is_text else np.ascontiguousarray(array).data)
    return found.hexdigest()


@cache
def versions() -> dict[str, Any]:
    """Return the versions of everything that makes graphs and answers, our own code included."""
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            packages[name] = ""
    code = hashlib.sha256()
    root = Path(__file__).parents[1]
    for path in sorted(path for name in _CODE for path in (root / name).rglob("*.py")):
        code.update(path.read_bytes())
    return {"packages": packages, "code": code.hexdigest()}


def _bytes(array: Array) -> bytes:
    stream = BytesIO()
    np.lib.format.write_array(stream, np.asarray(array), allow_pickle=False)
    return stream.getvalue()


def _array(content: bytes) -> Array:
    return np.asarray(np.lib.format.read_array(BytesIO(content), allow_pickle=False))

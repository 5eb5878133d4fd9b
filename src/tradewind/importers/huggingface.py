"""Folders of Hugging Face models: encoders and classifiers of text, images and sound."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

import onnx

from tradewind.data import Tokenization, carry
from tradewind.errors import ModelError
from tradewind.importers.conversion import Conversion
from tradewind.importers.image_processors import preprocessing_of
from tradewind.importers.importer import Importer
from tradewind.importers.metadata import NOTE, add_metadata
from tradewind.importers.onnx import freeze
from tradewind.importers.parity import check_parity
from tradewind.importers.probes import Range, probes
from tradewind.importers.sklearn import CLASSES
from tradewind.model import MAX_BYTES, Model, Origin
from tradewind.tensors import Tensors

_SETTINGS_BYTES = 2**24


@final
@dataclass(frozen=True)
class HuggingFaceImporter(Importer):
    """Local folders with config.json and model.safetensors; nothing is asked of a hub.

    What the folder says about tokens or pixels becomes the preprocessing of the model, so that
    sentences or images can be sent to it.

    Args:
        trusts_pickle: take folders whose weights are pickled too.
    """

    name: ClassVar[str] = "transformers"

    trusts_pickle: bool = False

    def matches(self, source: object) -> bool:
        return isinstance(source, Path) and source.is_dir() and "model_type" in _settings(source)

    def load(self, source: object) -> Model:
        assert isinstance(source, Path)
        where = source.absolute().name
        self._check_weights(source, where)
        request = {"path": str(source.absolute()), "trusts_pickle": self.trusts_pickle}
        try:
            return _converted(source, request, where, is_fixed=False)
        except _OtherSizes as error:
            try:
                return _converted(source, request, where, is_fixed=True)
            except _OtherSizes:
                raise error.reason from None

    def _check_weights(self, folder: Path, where: str) -> None:
        files = [path for path in folder.iterdir() if path.is_file()]
        safe = [path for path in files if path.suffix == ".safetensors"]
        pickled = [path for path in files if path.suffix in (".bin", ".pt", ".pth")]
        if not safe and not (pickled and self.trusts_pickle):
            got = f"{pickled[0].name}, a pickle" if pickled else "none"
            hint = "write them with `model.save_pretrained(FOLDER)` of transformers."
            raise ModelError(where, "weights as .safetensors", got, hint)
        size_bytes = sum(path.stat().st_size for path in safe or pickled)
        if size_bytes > MAX_BYTES:
            hint = "larger models are served by runtimes for language models."
            raise ModelError(where, f"at most {MAX_BYTES} bytes", f"{size_bytes} bytes", hint)


class _OtherSizes(Exception):
    """The import differs, and may not with the number of examples that it was made with."""

    def __init__(self, reason: ModelError) -> None:
        super().__init__(reason)
        self.reason = reason


def _converted(folder: Path, request: dict[str, Any], where: str, *, is_fixed: bool) -> Model:
    told = {**request, "is_fixed": is_fixed}
    with Conversion.start(
        "huggingface", "transformers", told, where, must_be_offline=request["trusts_pickle"]
    ) as found:
        proto = found.proto
        _describe(proto, folder, found.notes)
        model = freeze(proto, Origin(HuggingFaceImporter.name, where))
        try:
            return check_parity(model, found, questions=questions(model, found.notes))
        except ModelError as error:
            if model.signature.has_free_batch:
                raise _OtherSizes(error) from error
            raise


def questions(model: Model, notes: dict[str, Any]) -> list[Tensors]:
    """Return inputs of every length that makes sense."""
    ranges = {name: Range(low, high) for name, (low, high) in notes["ranges"].items()}
    sizes = notes["sizes"]
    count = max(map(len, sizes.values()), default=1)
    found: list[Tensors] = []
    for i in range(count):
        chosen = {name: values[i % len(values)] for name, values in sizes.items()}
        found += probes(model.signature, i, ranges, chosen)
    return found


def _describe(proto: onnx.ModelProto, folder: Path, notes: dict[str, Any]) -> None:
    """Note classes, preprocessing and what a user should know in the graph."""
    remarks = [notes["fixed"], *notes["told"]]
    if notes["classes"] is not None:
        add_metadata(proto, CLASSES, notes["classes"])
    if notes["tokenizer"] is not None:
        settings = {**notes["tokenizer"], "inputs": tuple(notes["tokenizer"]["inputs"])}
        carry(proto, Tokenization(**settings))
    processor = _settings(folder, "preprocessor_config.json")
    if processor:
        steps, remark = preprocessing_of(processor, proto.graph.input[0].name)
        if steps is not None:
            carry(proto, steps)
        remarks.append(remark)
    text = " ".join(f"{remark.rstrip('.')}." for remark in remarks if remark)
    if text:
        add_metadata(proto, NOTE, text)


def _settings(folder: Path, name: str = "config.json") -> dict[str, Any]:
    """Return what a file of settings holds; nothing where it is missing or damaged."""
    path = folder / name
    try:
        if not path.is_file() or path.stat().st_size > _SETTINGS_BYTES:
            return {}
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

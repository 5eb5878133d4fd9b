"""A pass in a process of its own, which may crash, hang or print as it likes."""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import msgspec

from tradewind.errors import PassError, PassRefusal, TradewindError
from tradewind.model import Model, Origin
from tradewind.passes.contract import Change, Observed, Pass
from tradewind.passes.distillation import Distil
from tradewind.passes.fold import Fold
from tradewind.passes.mixing import RevertLayers
from tradewind.passes.pruning import (
    DropBlocks,
    Factorize,
    LowerResolution,
    PruneChannels,
    PruneTrees,
    RemoveUnused,
    RestrictVocabulary,
    Sparsify,
)
from tradewind.passes.quantization import (
    QuantizeDynamic,
    QuantizeNNCF,
    QuantizeStatic,
    QuantizeWeights,
    Smooth,
)
from tradewind.passes.upgrade_opset import UpgradeOpset
from tradewind.temporary import environment_inside, temporary_folder
from tradewind.tensors import load_tensors, save_tensors

PASSES: tuple[type[Pass], ...] = (
    Fold,
    UpgradeOpset,
    Smooth,
    QuantizeStatic,
    QuantizeDynamic,
    QuantizeNNCF,
    QuantizeWeights,
    PruneChannels,
    DropBlocks,
    LowerResolution,
    Factorize,
    Sparsify,
    RemoveUnused,
    RestrictVocabulary,
    PruneTrees,
    RevertLayers,
    *((Distil,) if find_spec("torch") is not None else ()),
)
"""Every pass whose packages are installed; the contract tests run each of them."""


Run = Callable[[Path, float], int]
"""Lets a child do what a folder asks for, within so many seconds; returns its exit status, or
raises TimeoutError once the child is no more."""

LOG = "log"
"""In such a folder, the file of what the child prints."""


def run_alone(folder: Path, timeout_s: float) -> int:
    """Let a new process do what a folder asks for, as `Run` says."""
    # -P: a file of the working directory must not pass for a module of the same name
    command = [sys.executable, "-P", "-m", __name__, str(folder), str(os.getpid())]
    with (folder / LOG).open("wb") as output:
        child = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env=environment_inside(folder),
            start_new_session=True,
        )
        try:
            return child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        finally:
            if child.poll() is None:  # timed out or interrupted
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def apply_isolated(
    step: Pass, model: Model, seen: Observed, timeout_s: float, run: Run = run_alone
) -> Change:
    """Apply `step` in a child process.

    Args:
        step: one of `PASSES`.
        model: what to change.
        seen: what the pass needs to have observed.
        timeout_s: seconds after which the child is killed.
        run: how the child comes to be.

    Raises:
        PassRefusal: the pass says that it does not fit the model.
        PassError: it crashed its process, or took longer than `timeout_s`.
    """
    try:
        with temporary_folder() as folder:
            return _apply_in(folder, step, model, seen, timeout_s, run)
    except OSError as error:
        raise PassError(
            step.label,
            f"room for temporary files in {tempfile.gettempdir()}",
            error.strerror or str(error),
            "point TMPDIR at a folder with space.",
        ) from error


def _apply_in(
    folder: Path, step: Pass, model: Model, seen: Observed, timeout_s: float, run: Run
) -> Change:
    model.save(folder / "model.onnx")
    save_tensors(folder / "inputs.npz", seen.inputs)
    if seen.original is not None:
        seen.original.save(folder / "original.onnx")
    request = {
        "pass": step.name,
        "settings": asdict(step),
        "origin": asdict(model.origin),
        "original": asdict(seen.original.origin) if seen.original is not None else None,
    }
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
    (folder / LOG).touch()
    try:
        code = run(folder, timeout_s)
    except TimeoutError:
        raise PassError(step.label, f"an end within {_readable(timeout_s)}", "none") from None
    if code != 0 or not (folder / "answer.json").exists():
        log = (folder / LOG).read_text(encoding="utf-8", errors="replace")
        last = "".join(f", {text}" for text in log.strip().splitlines()[-1:])
        raise PassError(step.label, "a result", f"exit status {code}{last}")
    answer = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
    if "error" in answer:
        raise PassRefusal(*answer["error"])
    return Change(Model((folder / "changed.onnx").read_bytes(), model.origin), answer["summary"])


def _readable(timeout_s: float) -> str:
    return f"{round(timeout_s, 1 if timeout_s >= 1 else 2):,g} s"


def wanted(folder: Path) -> type[Pass]:
    """Return the pass that a folder asks for."""
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    return next(kind for kind in PASSES if kind.name == request["pass"])


def obey(folder: Path) -> None:
    """Do what a folder asks for, and leave the answer in it; this may crash, hang or print."""
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    step = msgspec.convert(request["settings"], wanted(folder))
    origin = msgspec.convert(request["origin"], Origin)
    model = Model((folder / "model.onnx").read_bytes(), origin)
    original = None
    if request["original"] is not None:
        content = (folder / "original.onnx").read_bytes()
        original = Model(content, msgspec.convert(request["original"], Origin))
    seen = Observed(load_tensors(folder / "inputs.npz"), original)
    try:
        change = step.apply(model, seen)
    except TradewindError as error:
        answer: dict[str, object] = {"error": [error.where, error.expected, error.got, error.hint]}
    else:
        change.model.save(folder / "changed.onnx")
        answer = {"summary": change.summary}
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")


def end_with(parent: int) -> None:
    """Let the kernel end this process with its parent, which may be killed without warning."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended already
        sys.exit("nobody waits for the result any more")


_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    end_with(int(sys.argv[2]))
    obey(Path(sys.argv[1]))

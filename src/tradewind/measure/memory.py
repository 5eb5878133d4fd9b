"""Memory of a model at its peak and afterwards, in a process that holds nothing else."""

import contextlib
import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from tradewind.engines import ENGINES, Engine
from tradewind.errors import EngineError
from tradewind.model import Model, Origin
from tradewind.temporary import environment_inside, temporary_folder
from tradewind.tensors import Tensors, load_tensors, save_tensors

_ANSWERS = 6
"""Runtimes grow over the first few: arenas, and code made for a shape."""


@dataclass(frozen=True)
class MemoryUse:
    """Resident memory of a process that answers.

    Args:
        peak_bytes: the most there ever was, loading and preparing included.
        steady_bytes: what is left once it has answered for a while.
    """

    peak_bytes: int
    steady_bytes: int


def memory_use(
    model: Model,
    engine: Engine,
    inputs: Tensors,
    timeout_s: float = 60.0,
    also: Sequence[tuple[Model, Engine]] = (),
) -> MemoryUse:
    """Return the resident memory of a fresh process that loads the model and answers.

    Python and the runtime itself are part of it, since they are part of what has to fit.

    Args:
        model: what is loaded.
        engine: the runtime with its settings.
        inputs: one request; it is answered a few times.
        timeout_s: seconds after which the process is killed.
        also: models that are resident and answer the same requests, such as further stages.

    Raises:
        EngineError: the process failed or took too long.
    """
    with temporary_folder() as folder:
        save_tensors(folder / "inputs.npz", inputs)
        request = []
        for number, (each, its_engine) in enumerate([(model, engine), *also]):
            each.save(folder / f"{number}.onnx")
            request.append({"engine": its_engine.name, "settings": asdict(its_engine)})
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        # -P: a file of the working directory must not pass for a module of the same name
        command = [sys.executable, "-P", "-m", "tradewind.measure.memory", str(folder)]
        try:
            subprocess.run(
                command,
                capture_output=True,
                check=True,
                timeout=timeout_s,
                text=True,
                env=environment_inside(folder),
            )
        except subprocess.CalledProcessError as error:
            last = "".join(error.stderr.strip().splitlines()[-1:])
            got = f"exit status {error.returncode}, {last}".rstrip(", ")
            raise EngineError(engine.label, "an answer in a fresh process", got) from error
        except subprocess.TimeoutExpired as error:
            got = f"none within {timeout_s:g} s"
            raise EngineError(engine.label, "an answer in a fresh process", got) from error
        return msgspec.json.decode((folder / "answer").read_bytes(), type=MemoryUse)


def _main(folder: Path) -> None:
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    inputs = load_tensors(folder / "inputs.npz")
    with contextlib.ExitStack() as stack:
        runners = []
        for number, each in enumerate(request):
            kind = next(kind for kind in ENGINES if kind.name == each["engine"])
            engine = msgspec.convert(each["settings"], kind)
            model = Model((folder / f"{number}.onnx").read_bytes(), Origin("onnx", "model.onnx"))
            runners.append(stack.enter_context(engine.compile(model)))
        for _ in range(_ANSWERS):
            for runner in runners:
                runner(inputs)
        peak = _peak_bytes()
        found = MemoryUse(peak, _status_bytes("VmRSS") or peak)
    # not printed: a runtime may print as well
    (folder / "answer").write_bytes(msgspec.json.encode(found))


def _peak_bytes() -> int:
    """Return the high-water mark of this process alone.

    `getrusage` will not do on Linux: a child begins with the mark of the parent it was forked
    from, even after exec.
    """
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts in bytes
    return _status_bytes("VmHWM") or own


def _status_bytes(name: str) -> int | None:
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")]
    return found[0] if found else None


if __name__ == "__main__":
    _main(Path(sys.argv[1]))

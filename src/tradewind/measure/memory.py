"""Peak memory of a model, in a process that holds nothing else."""

import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import msgspec
import numpy as np

from tradewind.engines import ENGINES, Engine
from tradewind.errors import EngineError
from tradewind.model import Model, Origin
from tradewind.tensors import Tensors


def peak_memory_bytes(
    model: Model, engine: Engine, inputs: Tensors, timeout_s: float = 60.0
) -> int:
    """Return the peak resident memory of a fresh process that loads the model and answers.

    Python and the runtime itself are part of it, since they are part of what has to fit.

    Args:
        model: what is loaded.
        engine: the runtime with its settings.
        inputs: one request; it is answered three times.
        timeout_s: seconds after which the process is killed.

    Raises:
        EngineError: the process failed or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="tradewind-") as name:
        folder = Path(name)
        model.save(folder / "model.onnx")
        np.savez(folder / "inputs.npz", allow_pickle=False, **inputs)
        request = {"engine": engine.name, "settings": asdict(engine)}
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        try:
            done = subprocess.run(
                [sys.executable, "-m", "tradewind.measure.memory", name],
                capture_output=True,
                check=True,
                timeout=timeout_s,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise EngineError(engine.label, "an answer in a fresh process", f"{error}") from error
        return int(done.stdout)


def _main(folder: Path) -> None:
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    kind = next(kind for kind in ENGINES if kind.name == request["engine"])
    engine = msgspec.convert(request["settings"], kind)
    model = Model((folder / "model.onnx").read_bytes(), Origin("onnx", "model.onnx"))
    with np.load(folder / "inputs.npz", allow_pickle=False) as archive:
        inputs = {key: archive[key] for key in archive.files}
    with engine.compile(model) as runner:
        for _ in range(3):
            runner(inputs)
    print(_peak_bytes())


def _peak_bytes() -> int:
    """Return the high-water mark of this process alone.

    `getrusage` will not do on Linux: a child begins with the mark of the parent it was forked
    from, even after exec.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts in bytes


if __name__ == "__main__":
    _main(Path(sys.argv[1]))

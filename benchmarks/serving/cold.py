"""How soon a server answers, and what it holds: `python benchmarks/serving/cold.py`."""

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from benchmarks.serving.processes import Processes  # noqa: E402
from benchmarks.serving.running import HOST, free_ports  # noqa: E402

_PATIENCE_S = 120.0
_SETTLE_S = 1.0


@final
@dataclass(frozen=True)
class Start:
    """One start of a server."""

    first_answer_s: float  # from the start of the process
    cpu_s: float  # until then, over all threads
    resident_mb: float  # a second later, shared libraries included
    own_mb: float  # without what other processes could share (PSS)
    model_mb: float  # of these, by which the model has made it grow


def measure(model: Path, options: Sequence[str] = ()) -> Start:
    """Start a server for one model, ask it once as soon as it listens, and look at it.

    Raises:
        RuntimeError: it never answered.
    """
    port = free_ports(1)[0]
    command = [sys.executable, "-m", "tradewind", "serve", str(model), "--http-port", str(port)]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        processes = Processes([*command, "--no-grpc", *options], {}, log)
        try:
            answered_s = _first_answer(port, model, processes, log)
            cpu_s = processes.cpu_s()
            time.sleep(_SETTLE_S)
            pss, rss = processes.memory_bytes()
            return Start(answered_s, cpu_s, rss / 2**20, pss / 2**20, _model_mb(port))
        finally:
            processes.stop()


def _first_answer(port: int, model: Path, processes: Processes, log: Path) -> float:
    """Return the seconds until a request was answered; it is asked again and again."""
    body = b""
    path = f"/v2/models/{model.name.removesuffix('.tw').removesuffix('.onnx')}"
    limit_s = processes.started_s + _PATIENCE_S
    while time.perf_counter() < limit_s and not processes.is_over:
        try:
            if not body:
                body = _zeros(json.loads(_ask(port, path)))
            _ask(port, f"{path}/infer", body)
        except OSError:
            time.sleep(0.002)
            continue
        return time.perf_counter() - processes.started_s
    raise RuntimeError(f"no answer; the log of the server:\n{log.read_text()}")


def _ask(port: int, path: str, body: bytes = b"") -> bytes:
    connection = http.client.HTTPConnection(HOST, port, timeout=_PATIENCE_S)
    try:
        connection.request("POST" if body else "GET", path, body or None)
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise RuntimeError(f"{path}: status {response.status}: {content[:300]!r}")
    return content


def _zeros(about: dict[str, Any]) -> bytes:
    inputs = []
    for tensor in about["inputs"]:
        shape = [abs(size) for size in tensor["shape"]]
        count = 1
        for size in shape:
            count *= size
        inputs.append({**tensor, "shape": shape, "data": [0] * count})
    return json.dumps({"inputs": inputs}).encode()


def _model_mb(port: int) -> float:
    name = "tradewind_resident_bytes"
    for line in _ask(port, "/metrics").decode().splitlines():
        if line.startswith(name + "{"):
            return float(line.split()[-1]) / 2**20
    return 0.0


def _load_of_machine() -> str:
    return Path("/proc/loadavg").read_text().split()[0]


def main() -> int:
    """Print the middle of several starts."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = ROOT / "examples" / "digits" / "digits.onnx"
    parser.add_argument("model", nargs="?", type=Path, default=default, help="bundle or model")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print every start as JSON")
    given = parser.parse_args()
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(ROOT / "src")], check=True)
    starts = [measure(given.model) for _ in range(given.rounds)]
    if given.json:
        print(json.dumps([asdict(start) for start in starts], indent=1))
        return 0
    print(f"{given.model.name}, {given.rounds} starts, machine load {_load_of_machine()}")
    for name in ("first_answer_s", "cpu_s", "resident_mb", "own_mb", "model_mb"):
        values = sorted(getattr(start, name) for start in starts)
        middle = statistics.median(values)
        print(f"{name:16} {middle:8.2f}   ({values[0]:.2f} to {values[-1]:.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())

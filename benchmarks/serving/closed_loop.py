"""Closed loop: as many requests as connections, each sent when the one before was answered.

HTTP/1.1 is driven by wrk, gRPC by h2load of nghttp2: neither takes much of the machine.
"""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from benchmarks.serving.posts import Post, framed

from tradewind.errors import EngineError, SettingError

GRPC_PATH = "/inference.GRPCInferenceService/ModelInfer"

_PACKAGES = {"wrk": "wrk", "h2load": "nghttp2-client"}  # on Debian and Ubuntu

_SCRIPT = """
wrk.method = "POST"
local file = io.open({body}, "rb")
wrk.body = file:read("*a")
file:close()
{headers}
function done(summary, latency, requests)
  local errors = summary.errors
  io.stderr:write(string.format(
    '{{"requests":%d,"duration":%d,"p50":%d,"p99":%d,"status":%d,"lost":%d}}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
"""


_TOLD = (r"(\d+) succeeded", r"(\d+) failed", r"\((\d+)\) data")


@final
@dataclass(frozen=True)
class Loop:
    """What a closed loop saw."""

    connections: int
    per_s: float  # answered with success
    p50_ms: float
    p99_ms: float
    answered: int
    refused: int  # answered with anything else
    lost: int  # not answered

    @property
    def requests(self) -> int:
        """How many the server has seen."""
        return self.answered + self.refused + self.lost


def require(program: str) -> str:
    """Return the path of a load generator.

    Raises:
        SettingError: it is not installed.
    """
    found = shutil.which(program)
    if found is None:
        package = _PACKAGES[program]
        hint = f"`apt-get install {package}` on Debian and Ubuntu."
        raise SettingError("PATH", f"the load generator {program}", "none", hint)
    return found


def http_loop(
    url: str, post: Post, connections: int, seconds: float, cpus: Sequence[int] = ()
) -> Loop:
    """Drive one URL with wrk.

    Args:
        url: scheme, host and port.
        post: the request.
        connections: how many there are.
        seconds: how long; a whole number of them, rounded up.
        cpus: where the generator runs.
    """
    with tempfile.TemporaryDirectory(prefix="tradewind-") as name:
        body = Path(name) / "body"
        body.write_bytes(post.body)
        lines = [
            f"wrk.headers[{json.dumps(key)}] = {json.dumps(value)}"
            for key, value in post.headers.items()
        ]
        script = Path(name) / "post.lua"
        script.write_text(_SCRIPT.format(body=json.dumps(str(body)), headers="\n".join(lines)))
        command = [*_on(cpus), require("wrk"), "-t1", f"-c{connections}", f"-d{_whole(seconds)}s"]
        command += ["--timeout", "10s", "-s", str(script), url + post.path]
        told = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(told.stderr[told.stderr.index("{") :])
    good = found["requests"] - found["status"]
    return Loop(
        connections,
        good / (found["duration"] / 1e6),
        found["p50"] / 1e3,
        found["p99"] / 1e3,
        good,
        found["status"],
        found["lost"],
    )


def grpc_loop(
    address: str,
    message: bytes,
    answer_bytes: int,
    connections: int,
    seconds: float,
    cpus: Sequence[int] = (),
) -> Loop:
    """Drive one gRPC server with h2load, one request at a time on each connection.

    h2load counts the status of HTTP/2, not that of gRPC. Ask once with a client before; a refusal
    has no message, so that refusals are seen by the bytes that are missing.

    Args:
        address: host and port.
        message: a ModelInferRequest.
        answer_bytes: how long a message with an answer is at least.
        connections: how many there are.
        seconds: how long; a whole number of them, rounded up.
        cpus: where the generator runs.

    Raises:
        EngineError: requests were refused.
    """
    with tempfile.TemporaryDirectory(prefix="tradewind-") as name:
        body, log = Path(name) / "body", Path(name) / "log"
        body.write_bytes(framed(message))
        duration = _whole(seconds)
        command = [*_on(cpus), require("h2load"), "-t1", f"-c{connections}", "-m1"]
        command += [f"-D{duration}", "-d", str(body), f"--log-file={log}"]
        command += ["-H", "content-type: application/grpc", "-H", "te: trailers"]
        command.append(f"http://{address}{GRPC_PATH}")
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        rows = np.loadtxt(log, ndmin=2, usecols=(1, 2), dtype=np.int64)
    good = rows[rows[:, 0] == 200, 1] / 1e3
    done, failed, data_bytes = (int(found[1]) for found in _found(told))
    if data_bytes < done * answer_bytes:
        expected = f"{done * answer_bytes:,} bytes or more for {done:,} answers"
        raise EngineError(address, expected, f"{data_bytes:,}: some were refused")
    p50, p99 = np.percentile(good, [50, 99]) if len(good) else (np.nan, np.nan)
    return Loop(connections, done / duration, float(p50), float(p99), done, 0, failed)


def _found(told: str) -> list[re.Match[str]]:
    """Return the numbers of succeeded and failed requests and of bytes, as h2load prints them."""
    found = [re.search(pattern, told) for pattern in _TOLD]
    if None in found:
        raise EngineError("h2load", "a summary", told[-500:])
    return [one for one in found if one is not None]


def _on(cpus: Sequence[int]) -> list[str]:
    return ["taskset", "-c", ",".join(map(str, cpus))] if cpus else []


def _whole(seconds: float) -> int:
    return max(1, int(-(-seconds // 1)))

"""How many requests a second the server answers for a model that costs next to nothing.

    python benchmarks/serving_floor.py [--rounds 5] [--seconds 3] [--json FILE]

A server runs in a child process with a 4 x 4 matrix product in ONNX Runtime; a second child
keeps 16, then 64 connections busy with small JSON requests, one request at a time on each. Both
share the machine, as does whatever else runs: the median of the rounds is reported, with the
slowest and the fastest.
"""

import argparse
import json
import os
import platform
import select
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import final
from urllib.parse import urlsplit

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tradewind.engines import OnnxRuntime
from tradewind.model import Model, Origin
from tradewind.serve import ServedModel, Settings, run

CONNECTIONS = (16, 64)
WARM_UP_S = 0.5


@final
@dataclass(frozen=True)
class Floor:
    """Requests a second at one number of connections."""

    connections: int
    median: float
    slowest: float
    fastest: float
    rounds: int


def serve() -> None:
    weight = numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        [weight],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    runner = OnnxRuntime(threads=1).compile(Model.from_proto(proto, Origin("onnx", "tiny")))
    model = ServedModel("tiny", runner, "onnx_onnxruntime")
    run([model], Settings(port=0), lambda url: print(url, flush=True))


def request() -> bytes:
    tensor = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [0.1, 0.2, 0.3, 0.4]}
    body = json.dumps({"inputs": [tensor]}).encode()
    head = (
        "POST /v2/models/tiny/infer HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def load(host: str, port: int, connections: int, seconds: float) -> float:
    """Return the requests a second that were answered with status 200.

    Plain sockets with epoll: a client library would take more time than the server.
    """
    message = request()
    poll = select.epoll()
    clients: dict[int, socket.socket] = {}
    for _ in range(connections):
        client = socket.create_connection((host, port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        clients[client.fileno()] = client
        poll.register(client.fileno(), select.EPOLLIN)
        client.send(message)
    begin = time.perf_counter() + WARM_UP_S
    answered, started = 0, 0.0
    while (now := time.perf_counter()) < begin + seconds:
        if not started and now >= begin:
            answered, started = 0, now
        for number, _ in poll.poll(1.0):
            response = clients[number].recv(65536)
            if not response.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"unexpected answer: {response[:200]!r}")
            answered += 1
            clients[number].send(message)
    return answered / (time.perf_counter() - started)


def measure(rounds: int, seconds: float) -> list[Floor]:
    server = subprocess.Popen(
        [sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        url = urlsplit(server.stdout.readline().strip())
        found: dict[int, list[float]] = {count: [] for count in CONNECTIONS}
        for _ in range(rounds):  # the numbers of connections take turns, and share the weather
            for count in CONNECTIONS:
                command = [sys.executable, __file__, "load", str(url.hostname), str(url.port)]
                told = subprocess.run(
                    [*command, str(count), str(seconds)], check=True, capture_output=True
                )
                found[count].append(float(told.stdout))
    finally:
        server.terminate()
        server.wait(timeout=30)
    return [
        Floor(count, statistics.median(rates), min(rates), max(rates), rounds)
        for count, rates in found.items()
    ]


def report(floors: list[Floor]) -> dict[str, object]:
    return {
        "what": "requests a second, 4 x 4 matrix product, JSON both ways",
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "load": os.getloadavg()[0]},
        "python": platform.python_version(),
        "floors": [asdict(floor) for floor in floors],
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    floors = measure(options.rounds, options.seconds)
    document = json.dumps(report(floors), indent=1)
    if options.json:
        options.json.write_text(document + "\n")
    print(document)
    print(f"\n{'connections':>11} {'median':>9} {'slowest':>9} {'fastest':>9}")
    for floor in floors:
        print(
            f"{floor.connections:>11} {floor.median:>9,.0f} {floor.slowest:>9,.0f} "
            f"{floor.fastest:>9,.0f}"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve()
    elif sys.argv[1:2] == ["load"]:
        print(load(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])))
    else:
        main()

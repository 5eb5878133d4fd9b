"""Starting a server as a child process, and talking to it."""

import http.client
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final
from urllib.parse import urlsplit

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
ROOT = Path(__file__).resolve().parents[2]


@final
@dataclass(frozen=True)
class Answer:
    """One HTTP response."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json["error"])


@final
@dataclass(frozen=True)
class Child:
    """A running server."""

    process: "subprocess.Popen[str]"
    host: str
    port: int
    grpc_port: int = 0  # 0 where it does not listen for gRPC

    @property
    def grpc(self) -> str:
        """Where clients of gRPC find it."""
        return f"{self.host}:{self.grpc_port}"

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=20)

    def ask(
        self,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        method: str = "",
    ) -> Answer:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        try:
            connection.request(
                method or ("GET" if body is None else "POST"), path, body, dict(headers or {})
            )
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def infer(self, model: str, request: Any, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask(f"/v2/models/{model}/infer", json.dumps(request).encode(), headers)

    def metric(self, line: str) -> float:
        """Return the sum of the samples that have the name and at least the labels of `line`."""
        name, _, labels = line.partition("{")
        wanted = set(_LABEL.findall(labels))
        values = [
            float(found.rpartition(" ")[2])
            for found in self.ask("/metrics").body.decode().splitlines()
            if re.match(rf"{name}[{{ ]", found) and wanted <= set(_LABEL.findall(found))
        ]
        if not values:
            raise KeyError(line)
        return sum(values)


@contextmanager
def start(**settings: Any) -> Iterator[Child]:
    """Run a server on a free port of the loopback; it is stopped at the end."""
    process = spawn(**settings)
    try:
        assert process.stdout is not None
        url = urlsplit(process.stdout.readline().strip())
        assert url.port, f"the server did not start: {process.communicate()[1]}"
        grpc_port = 0
        if "grpc_port" in settings:
            told = urlsplit(process.stdout.readline().strip())
            assert told.port, f"the server does not speak gRPC: {process.communicate()[1]}"
            grpc_port = told.port
        yield Child(process, str(url.hostname), url.port, grpc_port)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def spawn(*, wrapper: str = "", **settings: Any) -> "subprocess.Popen[str]":
    """Start the script of the child with the port free to choose, unless it is given.

    Args:
        wrapper: a program that changes the process before it runs its first argument.
        settings: of the server.
    """
    script = Path(__file__).with_name("child_server.py")
    before = ["-c", wrapper] if wrapper else []
    return subprocess.Popen(
        [sys.executable, *before, str(script), json.dumps({"port": 0, **settings})],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PATH": ""},
    )


def tensor(data: Any, shape: list[int] | None = None, datatype: str = "FP32") -> dict[str, Any]:
    """Return a request with one input called x."""
    size = [1, len(data)] if shape is None else shape
    return {"inputs": [{"name": "x", "shape": size, "datatype": datatype, "data": data}]}

"""What nobody meant to send: refused with a reason, never a failure inside the server."""

import json
import socket
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.serve.child import Child, start, tensor

INFER = "/v2/models/tiny/infer"
GOOD = tensor([1.0, 2.0, 3.0, 4.0])
TURNS = 300
ODD: tuple[Any, ...] = (
    None, True, -1, 2**63, 10**400, 1e308, "", "x", "\x00", [], {}, [[]], [None], {"a": 1},
    [1] * 1000, "FP32", -0.0,
)  # fmt: skip


def json_body(random: np.random.Generator) -> tuple[bytes, dict[str, str]]:
    """Return a request in which one value was exchanged, and some bytes too."""
    request = json.loads(json.dumps({"id": "1", "parameters": {"timeout": 9}, **GOOD}))
    places = [request, request["parameters"], request["inputs"][0]]
    place = places[int(random.integers(len(places)))]
    name = list(place)[int(random.integers(len(place)))]
    place[name] = ODD[int(random.integers(len(ODD)))]
    body = bytearray(json.dumps(request).encode())
    if random.random() < 0.5:
        body[int(random.integers(len(body)))] = int(random.integers(256))
    return bytes(body), {}


def binary_body(random: np.random.Generator) -> tuple[bytes, dict[str, str]]:
    """Return a binary request with lengths that may be wrong."""
    size = int(random.choice([16, 0, 15, 17, 2**40, -1]))
    item = {"name": "x", "shape": [1, 4], "datatype": "FP32"}
    head = json.dumps({"inputs": [{**item, "parameters": {"binary_data_size": size}}]}).encode()
    body = bytearray(head + random.bytes(int(random.integers(0, 40))))
    if random.random() < 0.3:
        body[int(random.integers(len(body)))] = int(random.integers(256))
    length = int(random.choice([len(head), len(head) - 1, 0, 10**9, len(body)]))
    return bytes(body), {"Inference-Header-Content-Length": str(length)}


def string_body(random: np.random.Generator) -> tuple[bytes, dict[str, str]]:
    """Return strings whose lengths were written by chance."""
    raw = random.bytes(int(random.integers(0, 24)))
    parameters = {"binary_data_size": len(raw)}
    item = {"name": "x", "shape": [1, 2], "datatype": "BYTES", "parameters": parameters}
    head = json.dumps({"inputs": [item]}).encode()
    return head + raw, {"Inference-Header-Content-Length": str(len(head))}


@pytest.mark.parametrize("make", [json_body, binary_body, string_body])
def test_no_request_makes_the_server_fail(
    make: Callable[[np.random.Generator], tuple[bytes, dict[str, str]]],
    server: Child,
    random: np.random.Generator,
) -> None:
    path = "/v2/models/echo-BYTES/infer" if make is string_body else INFER
    seen = set()
    for _ in range(TURNS):
        body, headers = make(random)
        answer = server.ask(path, body, headers)
        seen.add(answer.status)
        assert answer.status in (200, 400, 413), (body, headers, answer.body)
        assert b"Traceback" not in answer.body
        assert b'File "' not in answer.body
    assert 400 in seen
    assert server.infer("tiny", GOOD).status == 200


@pytest.mark.parametrize("depth", [101, 100_000])
@pytest.mark.parametrize("place", ["data", "parameters", "around"])
def test_deep_nesting_is_refused(place: str, depth: int, server: Child) -> None:
    deep = "[" * depth + "]" * depth
    request = {
        "data": '{"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": %s}]}',
        "parameters": '{"parameters": {"a": %s}, "inputs": []}',
        "around": "%s",
    }[place] % deep
    assert server.ask(INFER, request.encode()).status == 400


def test_noise_instead_of_http_harms_nobody(server: Child, random: np.random.Generator) -> None:
    request = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    for _ in range(100):
        noisy = bytearray(request)
        for _ in range(int(random.integers(1, 5))):
            noisy[int(random.integers(len(noisy)))] = int(random.integers(256))
        with server.connect() as client:
            client.sendall(noisy if random.random() < 0.8 else random.bytes(200))
            client.shutdown(socket.SHUT_WR)
            client.recv(1000)
    assert server.infer("tiny", GOOD).status == 200


PATHS = (
    "/%00",
    "/v2/models/%ff%fe/infer",
    "/..%2f..%2fetc/passwd",
    "/v2/models/" + "a" * 5000,
    "/v2//models",
    "/v2/models//infer",
)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:20])
def test_odd_paths_are_not_found(path: str, server: Child) -> None:
    assert server.ask(path).status in (404, 405)


@pytest.mark.parametrize("header", ["9" * 5000, "-1", "1.5", "0x10", "\u0661", ""])
def test_an_odd_length_of_the_json_is_refused(header: str, server: Child) -> None:
    headers = {"Inference-Header-Content-Length": header.encode("utf-8").decode("latin-1")}
    assert server.ask(INFER, b"{}", headers).status == 400


def test_connections_that_send_nothing_are_closed_and_hold_up_nobody() -> None:
    with start(header_timeout_s=1, max_connections=50) as child:
        idle = [child.connect() for _ in range(40)]
        half = child.connect()
        half.sendall(b"POST /v2/models/tiny/infer HTTP/1.1\r\nHost: x\r\n")
        assert child.infer("tiny", GOOD).status == 200
        for client in (*idle, half):
            client.settimeout(60)
            assert client.recv(1000)[:12] in (b"", b"HTTP/1.1 408", b"HTTP/1.1 400")
            client.close()
        # all that may be there, and more: those that wait are let in when others are closed
        crowd = [child.connect() for _ in range(80)]
        assert child.infer("tiny", GOOD).status == 200
        for client in crowd:
            client.close()

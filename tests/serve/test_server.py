import gzip
import json
import secrets
import socket
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.serve.child import Child, tensor

INFER = "/v2/models/tiny/infer"
CHUNKED = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
REQUEST = tensor([1.0, 2.0, 3.0, 4.0])


def test_the_server_says_what_it_is(server: Child) -> None:
    told = server.ask("/v2").json
    assert told["name"] == "tradewind"
    assert "binary_tensor_data" in told["extensions"]


def test_a_model_says_what_it_takes(server: Child) -> None:
    told = server.ask("/v2/models/tiny").json
    assert told == server.ask("/v2/models/tiny/versions/1").json
    assert told["platform"] == "onnx_onnxruntime"
    assert told["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}]
    assert told["parameters"] == {"variant": "original"}


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready"])
def test_health_answers_with_both_keys(server: Child, path: str) -> None:
    answer = server.ask(path)
    assert (answer.status, answer.json) == (200, {"live": True, "ready": True})


def test_a_model_says_that_it_is_ready(server: Child) -> None:
    answer = server.ask("/v2/models/tiny/ready")
    assert (answer.status, answer.json) == (200, {"name": "tiny", "ready": True})


def test_the_models_are_listed(server: Child) -> None:
    assert "tiny" in server.ask("/v2/models").json["models"]


def test_the_front_page_names_the_paths(server: Child) -> None:
    answer = server.ask("/")
    assert answer.headers["content-type"].startswith("text/plain")
    assert b"/v2/models/NAME/infer" in answer.body


def test_head_is_get_without_a_body(server: Child) -> None:
    answer = server.ask("/v2", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")


def test_a_quoted_name_is_found(server: Child) -> None:
    answer = server.infer(quote("two words/é", safe=""), tensor([1.0]))
    assert answer.json["model_name"] == "two words/é"


def test_json_is_answered_in_json(server: Child) -> None:
    answer = server.infer("tiny", {"id": "7", **REQUEST})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {
        "model_name": "tiny",
        "model_version": "1",
        "id": "7",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 4], "data": [10, 20, 30, 40]}],
    }


def test_binary_is_answered_in_binary(server: Child) -> None:
    array = np.arange(8, dtype=np.float32)
    item = {"name": "x", "shape": [2, 4], "datatype": "FP32"}
    head = json.dumps(
        {
            "inputs": [{**item, "parameters": {"binary_data_size": 32}}],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    answer = server.ask(
        INFER, head + array.tobytes(), {"Inference-Header-Content-Length": str(len(head))}
    )
    length = int(answer.headers["inference-header-content-length"])
    assert answer.headers["content-type"] == "application/octet-stream"
    assert json.loads(answer.body[:length])["outputs"][0]["parameters"] == {"binary_data_size": 32}
    np.testing.assert_array_equal(np.frombuffer(answer.body[length:], np.float32), array * 10)


def test_bare_nan_comes_back(server: Child) -> None:
    answer = server.infer("echo-FP32", tensor([float("nan"), float("-inf")]))
    assert b"[NaN,-Infinity]" in answer.body


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_packed_body_is_unpacked(server: Child, encoding: str) -> None:
    plain = json.dumps(REQUEST).encode()
    body = gzip.compress(plain) if encoding == "gzip" else zlib.compress(plain)
    answer = server.ask(INFER, body, {"Content-Encoding": encoding})
    assert answer.json["outputs"][0]["data"] == [10, 20, 30, 40]


def test_a_body_that_grows_when_unpacked_is_refused(server: Child) -> None:
    answer = server.ask(INFER, gzip.compress(bytes(2**24)), {"Content-Encoding": "gzip"})
    assert answer.status == 413


def test_an_unknown_encoding_is_refused(server: Child) -> None:
    answer = server.ask(INFER, b"x", {"Content-Encoding": "br"})
    assert answer.status == 415
    assert answer.error.startswith("Content-Encoding: expected gzip, deflate or nothing, got br")


REFUSED = [
    ({"inputs": [{**REQUEST["inputs"][0], "name": "z"}]}, "inputs: expected each of x once, got"),
    (tensor([1.0] * 3), "x.shape: expected FP32[N, 4], got [1, 3]."),
    (tensor([1, 2, 3, 4], datatype="INT32"), "x.datatype: expected FP32, got INT32."),
    (tensor([1.0] * 3, shape=[1, 4]), "x.data: expected 4 elements for shape [1, 4], got 3."),
    ({**REQUEST, "outputs": [{"name": "z"}]}, "outputs: expected some of y, got an output named"),
]


@pytest.mark.parametrize(("request_", "message"), REFUSED)
def test_a_wrong_request_is_told_where(server: Child, request_: object, message: str) -> None:
    answer = server.infer("tiny", request_)
    assert answer.status == 400
    assert answer.error.startswith(message)


def test_invalid_json_is_told_where(server: Child) -> None:
    answer = server.ask(INFER, b'{"inputs": [}')
    assert answer.status == 400
    assert "byte 12" in answer.error


def test_an_unknown_model_is_not_found(server: Child) -> None:
    asked = [server.ask("/v2/models/nope"), server.ask("/v2/models/nope/versions/1/ready")]
    for answer in (*asked, server.infer("nope", tensor([1.0]))):
        assert answer.status == 404
        assert "Request for unknown model" in answer.error


def test_an_unknown_version_is_not_found(server: Child) -> None:
    assert server.ask("/v2/models/tiny/versions/2").status == 404


def test_a_wrong_verb_is_told_the_right_one(server: Child) -> None:
    answer = server.ask(INFER)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    answer = server.ask("/v2", b"{}")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_failure_of_the_model_keeps_its_details_to_the_log(server: Child) -> None:
    answer = server.infer("broken", tensor([1.0], shape=[1]))
    assert answer.status == 500
    assert "secret" not in answer.error
    assert server.metric('tradewind_requests_failed_total{model="broken"}') >= 1


def test_a_body_of_100_mb_is_refused_without_being_read(server: Child) -> None:
    answer = server.ask(INFER, bytes(100 * 2**20))
    assert answer.status == 413
    assert "at most 1048576 bytes, got 104857600 bytes" in answer.error
    assert server.infer("tiny", REQUEST).status == 200


def test_a_body_of_unknown_length_is_refused_while_it_comes(server: Child) -> None:
    with server.connect() as client:
        client.sendall(CHUNKED)
        for _ in range(20):
            client.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 413")
    assert server.infer("tiny", REQUEST).status == 200


def test_chunks_make_one_request(server: Child) -> None:
    body = json.dumps(REQUEST).encode()
    with server.connect() as client:
        client.sendall(CHUNKED)
        for byte in body:
            client.sendall(b"1\r\n%c\r\n" % byte)
        client.sendall(b"0\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")


def test_a_length_that_is_no_number_is_refused(server: Child) -> None:
    answer = server.ask(INFER, b"{}", {"Inference-Header-Content-Length": "-1"})
    assert answer.status == 400
    assert answer.error.startswith("Inference-Header-Content-Length: expected")


def test_a_client_that_hangs_up_harms_nobody(server: Child) -> None:
    body = json.dumps(tensor([0.5] * 20_000, shape=[5000, 4])).encode()
    head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for sent in (head[:20], head, head + body[:100], head + body):
        for _ in range(5):
            client = server.connect()
            # closing with a reset: the hardest way to go
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(sent)
            client.close()
    assert server.infer("tiny", REQUEST).status == 200
    in_flight = 'tradewind_requests_in_flight{model="tiny"}'
    deadline = time.monotonic() + 5
    while server.metric(in_flight) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.metric(in_flight) == 0


def test_the_metrics_can_be_parsed(server: Child) -> None:
    server.infer("tiny", REQUEST)
    families = text_string_to_metric_families(server.ask("/metrics").body.decode())
    names = {family.name for family in families}
    assert names >= {
        "tradewind_build_info",
        "tradewind_ready",
        "tradewind_requests_answered",
        "tradewind_requests_failed",
        "tradewind_requests_refused",
        "tradewind_requests_in_flight",
        "tradewind_requests_waiting",
        "tradewind_queue_seconds",
        "tradewind_compute_seconds",
        "tradewind_total_seconds",
    }


def test_what_is_no_request_counts_as_refused(server: Child) -> None:
    invalid = 'tradewind_requests_refused_total{model="",reason="invalid"}'
    counts = []
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
            line.sendall(b"garbage\r\n\r\n")
            assert line.recv(100).startswith(b"HTTP/1.1 400 ")
        counts.append(server.metric(invalid))
    assert counts[1] == counts[0] + 1


def test_an_unknown_model_counts_without_its_name(server: Child) -> None:
    name = secrets.token_hex(8)
    server.ask(f"/v2/models/{name}/infer", b"{}")
    assert name not in server.ask("/metrics").body.decode()
    assert server.metric('tradewind_requests_refused_total{model="",reason="unknown_model"}') >= 1


def test_concurrent_answers_belong_to_their_requests(server: Child) -> None:
    wrong: list[object] = []
    barrier = threading.Barrier(32)

    def ask(client: int) -> None:
        barrier.wait()
        for turn in range(20):
            numbers = [float(client), float(turn), 0.5, -1.0]
            answer = server.infer("tiny", {"id": f"{client}.{turn}", **tensor(numbers)}).json
            if answer["id"] != f"{client}.{turn}" or answer["outputs"][0]["data"] != [
                10 * number for number in numbers
            ]:
                wrong.append((numbers, answer))

    with ThreadPoolExecutor(32) as clients:
        list(clients.map(ask, range(32)))
    assert not wrong

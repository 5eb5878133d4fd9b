import json
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from tests.serve.child import ROOT, Child, spawn, start, tensor

REQUEST = tensor([1.0])
BODY = json.dumps(REQUEST).encode()
POST = b"POST /v2/models/slow/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
REFUSED = 'tradewind_requests_refused_total{model="slow",reason="%s"}'


@pytest.fixture
def narrow() -> Iterator[Child]:
    """A server that computes one request at a time and lets two wait."""
    with start(concurrency=1, max_queue=2, read_timeout_s=1, drain_timeout_s=10) as child:
        yield child


def ask_at_once(server: Child, count: int, timeout_us: int = 0) -> list[tuple[int, str | None]]:
    """Return the status of each answer with its Retry-After."""
    found: list[tuple[int, str | None]] = []
    barrier = threading.Barrier(count)

    def ask() -> None:
        barrier.wait()
        answer = server.infer("slow", {**REQUEST, "parameters": {"timeout": timeout_us}})
        found.append((answer.status, answer.headers.get("retry-after")))

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_overload_is_refused_with_a_time_to_come_back(narrow: Child) -> None:
    found = ask_at_once(narrow, 8)
    assert Counter(status for status, _ in found) == {200: 3, 429: 5}
    assert all(retry is not None and int(retry) >= 1 for status, retry in found if status == 429)
    assert narrow.metric(REFUSED % "queue_full") == 5
    assert narrow.metric('tradewind_requests_answered_total{model="slow"}') == 3


def test_a_request_that_waits_too_long_is_refused(narrow: Child) -> None:
    found = ask_at_once(narrow, 3, timeout_us=50_000)
    assert Counter(status for status, _ in found) == {200: 1, 503: 2}
    assert narrow.metric(REFUSED % "deadline") == 2


def test_a_client_that_hangs_up_in_the_queue_frees_its_place(narrow: Child) -> None:
    gone = 0.0
    for _ in range(20):  # a machine that is busy may compute them before they hang up
        clients = [narrow.connect() for _ in range(3)]
        for client in clients:
            client.sendall(POST % len(BODY) + BODY)
        time.sleep(0.02)
        for client in clients[1:]:
            client.close()
        assert clients[0].recv(100).startswith(b"HTTP/1.1 200")
        clients[0].close()
        end_s = time.monotonic() + 30
        while narrow.metric('tradewind_requests_waiting{model="slow"}'):
            assert time.monotonic() < end_s
        before, gone = gone, narrow.metric(REFUSED % "client_gone")
        if gone - before == 2:
            return
    pytest.fail("whoever hung up was never missed")


def test_a_body_that_does_not_come_is_refused(narrow: Child) -> None:
    with narrow.connect() as client:
        client.sendall(POST % 9 + b"{")
        assert client.recv(100).startswith(b"HTTP/1.1 408")
    assert narrow.metric(REFUSED % "slow_body") == 1


def test_another_model_answers_while_one_is_full(narrow: Child) -> None:
    threads = [threading.Thread(target=narrow.infer, args=("slow", REQUEST)) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    started = time.perf_counter()
    assert narrow.infer("echo-FP32", REQUEST).status == 200
    assert time.perf_counter() - started < 0.15  # one slow answer takes 0.2 s
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_under_load_loses_no_answer(number: signal.Signals) -> None:
    with start(concurrency=2, max_queue=64) as server:
        answered: Counter[int] = Counter()
        lost: list[BaseException] = []

        def ask() -> None:
            while True:
                try:
                    answer = server.infer("slow", REQUEST)
                except ConnectionRefusedError:  # not accepted: nothing was promised
                    return
                except BaseException as error:
                    lost.append(error)
                    return
                answered[answer.status] += 1
                if answer.status != 200:
                    assert answer.headers["retry-after"]
                    assert answer.headers["connection"] == "close"
                    return

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        server.process.send_signal(number)
        for thread in threads:
            thread.join()
        assert server.process.wait(timeout=10) == 0
        assert not lost
        # whoever was inside at the signal is answered, only then each is told to go elsewhere
        assert answered[200] >= 12
        assert answered[503] <= 12


def test_a_silent_connection_does_not_hold_up_the_end() -> None:
    with start() as server:
        half = POST % 9 + b"{"
        clients = [server.connect() for _ in range(3)]
        clients[0].sendall(half)
        clients[1].sendall(half[:30])
        time.sleep(0.1)
        server.process.terminate()
        assert server.process.wait(timeout=5) == 0
        for client in clients:
            client.close()


def test_an_answer_that_outlasts_the_drain_is_given_up() -> None:
    with start(drain_timeout_s=0.05) as server:
        client = server.connect()
        client.sendall(POST % len(BODY) + BODY)
        time.sleep(0.05)
        server.process.terminate()
        assert server.process.wait(timeout=5) == 0
        client.close()


def test_a_port_in_use_is_named_before_anything_else() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        process = spawn(port=port)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert errors.startswith(f"--http-port: expected a free port, got port {port}")
    assert str(ROOT) not in errors  # no traceback

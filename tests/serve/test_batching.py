"""Batching and admission in a real server."""

import threading
import time
from collections.abc import Callable
from typing import Any

from tests.serve.child import Answer, Child, start, tensor


def value(server: Child, name: str) -> float:
    """Return one metric of the model that is slow, whatever else its labels say."""
    for line in server.ask("/metrics").body.decode().splitlines():
        if line.startswith(f'{name}{{model="slow"'):
            return float(line.split()[-1])
    raise KeyError(name)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens on its own."""
    limit_s = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit_s
        time.sleep(0.005)


class Asking:
    """Requests that are under way, and their answers in the order in which they came."""

    def __init__(self, server: Child) -> None:
        self._server = server
        self._threads: list[threading.Thread] = []
        self.answers: list[tuple[float, Answer]] = []

    def ask(self, number: float, headers: dict[str, str] | None = None, **parameters: Any) -> None:
        body = {**tensor([number]), "parameters": parameters}

        def wait() -> None:
            self.answers.append((number, self._server.infer("slow", body, headers)))

        self._threads.append(threading.Thread(target=wait))
        self._threads[-1].start()

    def all(self) -> list[tuple[float, Answer]]:
        for thread in self._threads:
            thread.join()
        return self.answers


def batches(server: Child) -> set[int]:
    told = server.ask("/v2/models/slow/stats").json["model_stats"][0]["batch_stats"]
    return {entry["batch_size"] for entry in told}


def test_requests_that_wait_share_a_computation_and_each_gets_its_own_answer() -> None:
    with start(concurrency=1) as server:
        for _ in range(3):  # until the server knows what one takes
            server.infer("slow", tensor([0.0]))
        asking = Asking(server)
        for number in range(12):
            asking.ask(float(number))
        for sent, answer in asking.all():
            assert answer.json["outputs"][0]["data"] == [sent]
        assert max(batches(server)) > 1


def test_a_model_whose_rules_say_so_computes_each_request_alone() -> None:
    with start(concurrency=1, batching=["slow:off"]) as server:
        asking = Asking(server)
        for number in range(6):
            asking.ask(float(number))
        assert {answer.status for _, answer in asking.all()} == {200}
        assert batches(server) == {1}


def crowd(server: Child, count: int, **parameters: Any) -> Asking:
    """Return requests that take 0.2 s each, once some of them wait."""
    asking = Asking(server)
    for number in range(count):
        asking.ask(float(number), **parameters)
    until(lambda: value(server, "tradewind_requests_waiting") >= 5)
    return asking


def test_the_urgent_goes_before_those_who_wait_already() -> None:
    with start(concurrency=1, batching=["off"]) as server:
        asking = crowd(server, 24, priority=2)
        asking.ask(99.0, priority=1)
        assert [number for number, _ in asking.all()][-1] != 99.0


def test_a_deadline_in_a_header_is_kept_and_counted() -> None:
    with start(concurrency=1, batching=["off"]) as server:
        for _ in range(3):  # until the server knows what one takes
            server.infer("slow", tensor([0.0]))
        asking = crowd(server, 24)
        answer = server.infer("slow", tensor([1.0]), {"x-request-timeout-ms": "50"})
        assert answer.status == 503
        assert "a wait that ends before the deadline, got one of about" in answer.error
        assert int(answer.headers["retry-after"]) >= 1
        refused = 'tradewind_requests_refused_total{model="slow",reason="deadline"'
        text = server.ask("/metrics").body.decode()
        found = [line.split()[-1] for line in text.splitlines() if line.startswith(refused)]
        assert found == ["1.0"]
        assert {told.status for _, told in asking.all()} == {200}


def test_a_latency_target_refuses_what_it_cannot_keep_and_keeps_the_rest() -> None:
    with start(concurrency=1, batching=["slow:latency_target_ms=700,max_batch=1"]) as server:
        for _ in range(3):
            server.infer("slow", tensor([0.0]))
        asking = Asking(server)
        for number in range(40):  # 8 s of work
            asking.ask(float(number))
        assert {answer.status for _, answer in asking.all()} == {200, 503}

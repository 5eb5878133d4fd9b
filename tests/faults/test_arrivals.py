import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from benchmarks.serving.arrivals import Traffic

REQUEST = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"
BUSY = b"HTTP/1.1 503 Busy\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
PATIENCE_S = 30.0

Behaviour = Callable[[socket.socket, int], None]


@contextmanager
def served(behave: Behaviour) -> Iterator[tuple[str, int]]:
    """A server that does the same to every connection, told how many came before."""
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            count = 0
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                thread = threading.Thread(target=behave, args=(client, count))
                thread.start()
                threads.append(thread)
                count += 1

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield listening.getsockname()
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join(PATIENCE_S)
            for thread in threads:
                thread.join(PATIENCE_S)


def answering(*answers: bytes) -> Behaviour:
    """Give one answer after another on each connection, then close it."""

    def behave(client: socket.socket, _count: int) -> None:
        with client:
            for answer in answers:
                received = b""
                while len(received) < len(REQUEST):
                    more = client.recv(len(REQUEST) - len(received))
                    if not more:
                        return
                    received += more
                client.sendall(answer)

    return behave


def drive(address: tuple[str, int], times_s: Sequence[float], most: int = 1) -> Traffic:
    traffic = Traffic(address, REQUEST, times_s, most, PATIENCE_S)
    traffic.run()
    return traffic


def test_every_request_is_answered_over_one_connection() -> None:
    with served(answering(*[GOOD] * 50)) as address:
        traffic = drive(address, [0.0] * 50)
    assert len(traffic.latencies_s) == 50
    assert (traffic.broken, traffic.not_accepted, traffic.retried) == (0, 0, 0)


def test_a_latency_begins_when_the_request_was_due() -> None:
    with served(answering(*[GOOD] * 20)) as address:
        traffic = drive(address, [0.0] * 20)  # all due at once, one connection
    assert traffic.latencies_s == sorted(traffic.latencies_s)


def test_refusals_are_counted_by_status() -> None:
    with served(answering(GOOD, BUSY)) as address:
        traffic = drive(address, [0.0] * 10)
    assert len(traffic.latencies_s) == 5
    assert dict(traffic.refused) == {503: 5}


def test_a_kept_connection_that_closes_costs_no_request() -> None:
    with served(answering(GOOD)) as address:  # without saying that it will close
        traffic = drive(address, [0.0] * 5)
    assert len(traffic.latencies_s) == 5
    assert traffic.broken == 0


@pytest.mark.parametrize("piece", [b"", GOOD[:10], GOOD[:-1]])
def test_an_answer_that_ends_early_is_broken(piece: bytes) -> None:
    with served(answering(piece)) as address:
        traffic = drive(address, [0.0] * 3)
    assert traffic.broken == 3
    assert not traffic.latencies_s


def test_an_answer_in_pieces_is_one_answer() -> None:
    def behave(client: socket.socket, _count: int) -> None:
        with client:
            client.recv(1000)
            for place in range(len(GOOD)):
                client.sendall(GOOD[place : place + 1])
            client.recv(1000)

    with served(behave) as address:
        traffic = drive(address, [0.0])
    assert len(traffic.latencies_s) == 1


def test_nobody_listening_accepts_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
    traffic = drive(address, [0.0] * 3)
    assert traffic.not_accepted == 3

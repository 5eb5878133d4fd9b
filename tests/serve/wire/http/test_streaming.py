"""Responses whose body comes in pieces, without a network."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from tests.serve.wire.http.lines import Desk, Line, post

from tradewind.serve.wire.visit import Visit

HEADERS = (("content-type", "text/event-stream"),)


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 30))


class Teller:
    """Sends one piece after the other, when it is told to go on."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.go_on = asyncio.Semaphore(0)
        self.sent = 0
        self.was_gone = False

    async def __call__(self, visit: Visit) -> None:
        visit.begin(200, HEADERS)
        for piece in self._pieces:
            await self.go_on.acquire()
            self.was_gone = visit.is_gone
            await visit.send(piece)
            self.sent += 1
        visit.end()


def test_pieces_are_written_when_they_are_there() -> None:
    async def story() -> None:
        teller = Teller(b"one", b"x" * 70_000)
        line = Line(Desk(teller))
        line.feed(post(b"a"))
        head = bytes(line.wire.sent)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert head.endswith(b"\r\n\r\n")
        assert b"\r\ntransfer-encoding: chunked\r\n" in head
        assert b"content-length" not in head
        assert b"\r\ndate: " in head
        line.wire.sent.clear()
        teller.go_on.release()
        await line.settle()
        assert line.wire.sent == b"3\r\none\r\n"
        teller.go_on.release()
        await line.settle()
        rest = b"11170\r\n" + b"x" * 70_000 + b"\r\n0\r\n\r\n"
        assert line.wire.sent == b"3\r\none\r\n" + rest
        assert not line.wire.is_closed

    run(story())


def test_the_next_request_waits_for_the_end() -> None:
    async def story() -> None:
        teller = Teller(b"one")
        line = Line(Desk(teller))
        line.feed(post(b"a") + post(b"b"))
        teller.go_on.release()
        await line.settle()
        assert line.wire.sent.count(b"HTTP/1.1 200 OK") == 2  # the second has begun
        teller.go_on.release()
        await line.settle()
        assert line.wire.sent.count(b"3\r\none\r\n0\r\n\r\n") == 2

    run(story())


def test_an_old_client_reads_until_the_connection_ends() -> None:
    async def story() -> None:
        teller = Teller(b"one", b"two")
        line = Line(Desk(teller))
        line.feed(post(b"a", "/p", "Connection: keep-alive", version="1.0"))
        for _ in range(2):
            teller.go_on.release()
        await line.settle()
        head, _, body = bytes(line.wire.sent).partition(b"\r\n\r\n")
        assert b"transfer-encoding" not in head
        assert b"\r\nconnection: close" in head
        assert (body, line.wire.is_closed) == (b"onetwo", True)

    run(story())


@pytest.mark.parametrize("is_lost", [False, True])
def test_nothing_is_sent_before_there_is_room(is_lost: bool) -> None:
    async def story() -> None:
        teller = Teller(b"one", b"two")
        line = Line(Desk(teller))
        line.feed(post(b"a"))
        line.connection.pause_writing()
        for _ in range(2):
            teller.go_on.release()
        await line.settle()
        assert teller.sent == 0
        if is_lost:
            line.connection.connection_lost(None)
        else:
            line.connection.resume_writing()
            assert line.connection.deadline_s == float("inf")  # a stream may take its time
        await line.settle()
        assert (teller.sent, teller.was_gone) == (2, is_lost)
        assert (b"two" in line.wire.sent) is not is_lost

    run(story())

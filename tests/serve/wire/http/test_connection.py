"""What a connection does with what arrives, without a network."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest
from tests.serve.wire.http.lines import MAX_BODY_BYTES, Desk, Line, chunked, post

from tradewind.serve.wire.http.head import MAX_HEAD_BYTES
from tradewind.serve.wire.visit import Visit


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


def test_requests_are_answered_however_they_are_cut(random: np.random.Generator) -> None:
    async def story() -> None:
        for _ in range(30):
            bodies, data = [], b""
            for _ in range(int(random.integers(1, 6))):
                body = random.bytes(int(random.choice([0, 1, 9, 300])))
                bodies.append(body)
                halves = [half for half in (body[:3], body[3:]) if half]
                data += chunked(*halves) if random.random() < 0.5 else post(body)
            line = Line()
            cuts = sorted(int(cut) for cut in random.integers(0, len(data), 10))
            for low, high in zip([0, *cuts], [*cuts, len(data)], strict=True):
                line.feed(data[low:high])
                if random.random() < 0.5:
                    await line.settle()
            await line.settle()
            assert line.answers() == [(200, body) for body in bodies]
            assert not line.wire.is_closed

    run(story())


def test_a_request_that_is_there_is_answered_without_a_task() -> None:
    async def story() -> None:
        line = Line()
        line.feed(post(b"a") + post(b"b"))
        assert line.answers() == [(200, b"a"), (200, b"b")]

    run(story())


def test_answers_keep_the_order_of_their_requests() -> None:
    open_ = asyncio.Event()

    async def answer(visit: Visit) -> None:
        if visit.path == "/slow":
            await open_.wait()
        visit.respond(200, (), visit.path.encode())

    async def story() -> None:
        line = Line(Desk(answer))
        line.feed(post(path="/slow") + post(path="/quick") * 2)
        await line.settle()
        assert line.answers() == []
        line.feed(post(b"x" * 2**18, "/large"))
        assert line.is_held()  # until there is room for more
        open_.set()
        await line.settle()
        expected = [b"/slow", b"/quick", b"/quick", b"/large"]
        assert line.answers() == [(200, path) for path in expected]
        assert not line.is_held()

    run(story())


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (post(), None),
        (post(b"", "/", "Connection: close"), b"close"),
        (post(version="1.0"), b"close"),
        (post(b"", "/", "Connection: keep-alive", version="1.0"), b"keep-alive"),
    ],
    ids=["1.1", "1.1 that closes", "1.0", "1.0 that is kept"],
)
def test_a_connection_is_kept_or_closed(request_: bytes, told: bytes | None) -> None:
    async def story() -> None:
        line = Line()
        line.feed(request_)
        sent = bytes(line.wire.sent)
        assert sent.startswith(b"HTTP/1.1 200 OK\r\n")
        assert line.wire.is_closed is (told == b"close")
        assert (b"connection: " + told in sent) if told else (b"connection" not in sent)

    run(story())


def test_head_has_the_headers_of_get_and_no_body() -> None:
    async def answer(visit: Visit) -> None:
        visit.respond(200, (), b"12345")

    async def story() -> None:
        line = Line(Desk(answer))
        line.feed(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"content-length: 5\r\n" in line.wire.sent
        assert line.wire.sent.endswith(b"\r\n\r\n")

    run(story())


def test_a_client_that_waits_is_told_to_go_on_when_its_body_is_wanted() -> None:
    async def story() -> None:
        line = Line()
        head, body = post(b"abc", "/", "Expect: 100-continue").split(b"\r\n\r\n")
        line.feed(head + b"\r\n\r\n")
        await line.settle()
        assert line.answers() == [(100, b"")]
        line.feed(body)
        await line.settle()
        assert line.answers() == [(200, b"abc")]

    run(story())


def test_a_client_that_sends_its_body_without_waiting_keeps_its_connection() -> None:
    async def story() -> None:
        line = Line()
        line.feed(post(b"abc", "/", "Expect: 100-continue") + post(b"def"))
        await line.settle()
        assert line.answers() == [(200, b"abc"), (200, b"def")]

    run(story())


def test_a_client_that_waits_is_not_told_to_go_on_when_it_is_refused() -> None:
    async def answer(visit: Visit) -> None:
        visit.respond(413, (), b"")

    async def story() -> None:
        line = Line(Desk(answer))
        line.feed(post(b"abc", "/", "Expect: 100-continue")[:-3])
        await line.settle()
        assert b"connection: close" in line.wire.sent
        assert [status for status, _ in line.answers()] == [413]

    run(story())


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (
            post(b"a", "/", "Transfer-Encoding: chunked"),
            400,
        ),
        (b"GET / HTTP/1.1\nHost: x\n\n" + post(), 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n", 431),
        (b"GET /" + b"a" * (MAX_HEAD_BYTES + 1), 431),
    ],
    ids=["two framings", "bare line feeds", "a long head", "a head without end"],
)
def test_what_is_no_request_ends_the_connection(data: bytes, status: int) -> None:
    async def story() -> None:
        line = Line()
        line.feed(post(b"before") + data)
        line.feed(post(b"smuggled"))
        assert [found for found, _ in line.answers()] == [200, status]
        assert [body for _, _, body in line.desk.seen] == [b"before"]
        assert line.desk.unread == 1
        line.connection.expire()
        assert line.wire.is_closed

    run(story())


def test_chunks_that_are_none_end_the_connection() -> None:
    async def story() -> None:
        for first in (b"", b"1\r\na\r\n"):
            line = Line()
            line.feed(chunked()[:-5] + first)
            await line.settle()
            line.feed(b"zz\r\n")
            line.feed(post(b"smuggled"))
            await line.settle()
            assert b"connection: close" in line.wire.sent
            assert [status for status, _ in line.answers()] == [400]
            assert line.desk.seen == []

    run(story())


def test_a_body_that_nobody_wants_is_read_to_its_end() -> None:
    async def answer(visit: Visit) -> None:
        visit.respond(401, (), b"")

    async def story() -> None:
        line = Line(Desk(answer))
        for data in (post(b"x" * 2**20), chunked(b"y" * 2**20)):
            line.feed(data[: 2**19])
            line.feed(data[2**19 :])
            assert not line.is_held()
        line.feed(post())
        assert [status for status, _ in line.answers()] == [401] * 3

    run(story())


def test_chunks_beyond_the_limit_are_refused_before_they_end() -> None:
    async def story() -> None:
        line = Line()
        data = chunked(*[b"z" * 2**14] * 32)
        line.feed(data[: MAX_BODY_BYTES + 2**15])
        await line.settle()
        assert [status for status, _ in line.answers()] == [413]
        line.feed(data[MAX_BODY_BYTES + 2**15 :] + post(b"next"))
        await line.settle()
        assert line.answers() == [(200, b"next")]

    run(story())


def test_a_body_is_not_taken_before_somebody_asks_for_it() -> None:
    wanted = asyncio.Event()

    async def answer(visit: Visit) -> None:
        await wanted.wait()
        body = await visit.read(2**20)
        visit.respond(200, (), b"%d" % len(body))

    async def story() -> None:
        line = Line(Desk(answer))
        data = post(b"b" * 2**18)
        line.feed(data[: 2**17])
        assert line.is_held()
        wanted.set()
        await line.settle()
        assert not line.is_held()
        line.feed(data[2**17 :])
        await line.settle()
        assert line.answers() == [(200, b"%d" % 2**18)]
        assert not line.is_held()

    run(story())


def test_whoever_waits_learns_that_the_client_is_gone() -> None:
    told = []

    async def answer(visit: Visit) -> None:
        await visit.gone()
        told.append(visit.path)
        visit.respond(499, (), b"")

    async def story() -> None:
        for is_lost in (True, False):
            line = Line(Desk(answer))
            line.feed(post(path="/a"))
            await line.settle()
            assert not told
            if is_lost:
                line.connection.connection_lost(None)
            else:
                line.connection.eof_received()
            await line.settle()
            assert told.pop() == "/a"

    run(story())


def test_a_client_that_has_nothing_more_to_say_is_answered() -> None:
    wanted = asyncio.Event()

    async def answer(visit: Visit) -> None:
        await wanted.wait()
        visit.respond(200, (), b"")

    async def story() -> None:
        line = Line(Desk(answer))
        line.feed(post())
        assert line.connection.eof_received()  # the transport stays open
        wanted.set()
        await line.settle()
        assert line.answers() == [(200, b"")]
        assert line.wire.is_closed

    run(story())


def test_nothing_is_begun_while_the_client_takes_no_answers() -> None:
    async def story() -> None:
        line = Line()
        line.connection.pause_writing()
        line.feed(post(b"a"))
        assert line.is_held()
        assert line.answers() == []
        line.connection.resume_writing()
        assert line.answers() == [(200, b"a")]
        assert not line.is_held()

    run(story())


def test_a_client_that_takes_no_answers_is_given_up() -> None:
    async def story() -> None:
        line = Line()
        line.feed(post(b"a"))
        line.connection.pause_writing()
        assert line.connection.deadline_s < float("inf")
        line.connection.expire()
        assert line.wire.is_closed

    run(story())


def test_patience_is_for_heads_and_not_for_answers() -> None:
    async def answer(visit: Visit) -> None:
        await asyncio.Event().wait()

    async def story() -> None:
        idle, half, busy = Line(), Line(), Line(Desk(answer))
        half.feed(b"GET / HT")
        busy.feed(post())
        await busy.settle()
        for line in (idle, half):
            assert line.connection.deadline_s < float("inf")
            line.connection.expire()
        assert idle.wire.is_closed
        assert [status for status, _ in half.answers()] == [408]
        assert busy.connection.deadline_s == float("inf")

    run(story())


def test_a_server_that_stops_says_so_and_closes() -> None:
    async def story() -> None:
        line, idle = Line(), Line()
        line.desk.is_draining = True
        line.feed(post(b"a"))
        assert b"connection: close" in line.wire.sent
        assert line.wire.is_closed
        idle.site.retire()
        assert idle.wire.is_closed

    run(story())


def test_a_failure_of_the_application_is_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    async def answer(visit: Visit) -> None:
        raise ArithmeticError

    async def story() -> None:
        line = Line(Desk(answer))
        line.feed(post())
        assert [status for status, _ in line.answers()] == [500]

    run(story())
    assert "ArithmeticError" in caplog.text

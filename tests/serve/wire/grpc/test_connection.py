import asyncio
import random
import secrets
import struct

import pytest
from tests.serve.wire.grpc.lines import (
    ECHO,
    Frame,
    Line,
    begin,
    data,
    echo,
    framed,
    parsed,
    received,
    run,
    settle,
)

from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.wire.grpc import frames
from tradewind.serve.wire.grpc.call import Call, Method, Parts
from tradewind.serve.wire.grpc.frames import Code, Kind
from tradewind.serve.wire.grpc.messages import Message


def setting(number: int, value: int) -> bytes:
    return struct.pack(">HI", number, value)


def pieces(number: int, content: bytes) -> bytes:
    """Data in frames that are not too large."""
    size = 60_000
    return b"".join(
        data(number, content[start : start + size]) for start in range(0, len(content), size)
    )


def goodbye(found: list[Frame]) -> tuple[int, bytes] | None:
    """The code and text of the last frame of a connection."""
    for one in found:
        if one.kind is Kind.GOAWAY:
            return int.from_bytes(one.payload[4:8], "big"), one.payload[8:]
    return None


def test_a_message_is_answered() -> None:
    async def steps(line: Line) -> None:
        line.ask(1, b"hello")
        await settle()
        found = line.taken()
        assert received(found) == framed(b"hello")
        told = line.status(found)
        assert (told[":status"], told["grpc-status"]) == ("200", "0")
        assert found[-1].flags & frames.END_STREAM

    run(steps)


def test_the_same_headers_are_decoded_once() -> None:
    async def steps(line: Line) -> None:
        for number in (1, 3, 5):
            line.ask(number, b"x")
        line.ask(7, b"y", path="/a/Other")
        await settle()
        found = line.taken()
        assert [one.stream for one in found if one.kind is Kind.DATA] == [1, 3, 5]
        assert line.status([one for one in found if one.stream == 7])["grpc-status"] == "12"

    run(steps)


def test_a_message_in_pieces_is_answered() -> None:
    async def steps(line: Line) -> None:
        content = secrets.token_bytes(100_000)
        sent = begin(1) + b"".join(
            data(1, framed(content)[start : start + 7000]) for start in range(0, 100_005, 7000)
        )
        sent += data(1, b"", is_end=True)
        for start in range(0, len(sent), 1234):
            line.give(sent[start : start + 1234])
        await settle()
        assert line.room.held_bytes == 0
        line.give(frames.window_update(0, 10**6) + frames.window_update(1, 10**6))
        assert received(line.taken()) == framed(content)

    run(steps)


def test_no_more_is_sent_than_the_client_takes() -> None:
    async def steps(line: Line) -> None:
        line.give(frames.frame(Kind.SETTINGS, 0, 0, setting(4, 100)))
        line.ask(1, bytes(250))
        await settle()
        found = line.taken()
        assert len(received(found)) == 100
        assert "grpc-status" not in line.status(found)
        line.give(frames.window_update(1, 100))
        assert len(received(line.taken())) == 100
        line.give(frames.frame(Kind.SETTINGS, 0, 0, setting(4, 200)))
        found = line.taken()
        assert len(received(found)) == 55
        assert line.status(found)["grpc-status"] == "0"

    run(steps)


def test_the_window_of_the_connection_counts_for_all_calls() -> None:
    async def steps(line: Line) -> None:
        line.ask(1, bytes(60_000))
        line.ask(3, bytes(60_000))
        await settle()
        assert len(received(line.taken())) == 65_535
        line.give(frames.window_update(0, 100_000))
        assert len(received(line.taken())) == 2 * 60_005 - 65_535

    run(steps)


def test_nothing_is_written_while_the_client_does_not_read() -> None:
    async def steps(line: Line) -> None:
        line.connection.pause_writing()
        line.ask(1, b"hello")
        await settle()
        assert received(line.taken()) == b""
        assert not line.wire.is_reading
        line.connection.resume_writing()
        assert received(line.taken()) == framed(b"hello")

    run(steps)


def test_a_client_that_gives_up_is_noticed() -> None:
    gone = asyncio.Event()

    async def wait(call: Call, _: Message) -> Parts:
        await call.gone()
        gone.set()
        return [b"nobody reads this"]

    async def steps(line: Line) -> None:
        line.ask(1, path="/a/Wait")
        await settle()
        assert line.site.in_flight == 1
        line.give(frames.reset(1, Code.CANCEL))
        await asyncio.wait_for(gone.wait(), 30)
        await settle()
        assert line.taken() == []

    run(steps, {"/a/Wait": Method(answer=wait)})


def test_a_deadline_ends_the_call_and_frees_its_place() -> None:
    gone = asyncio.Event()

    async def wait(call: Call, _: Message) -> Parts:
        await call.gone()
        gone.set()
        return []

    async def steps(line: Line) -> None:
        line.ask(1, b"", "/a/Wait", **{"grpc-timeout": "10m"})
        await asyncio.wait_for(gone.wait(), 30)
        told = line.status(line.taken())
        assert told["grpc-status"] == "4"
        assert told["grpc-message"].startswith("/a/Wait: expected an answer within 0.01 s")

    run(steps, {"/a/Wait": Method(answer=wait)})


def test_a_refusal_is_told_with_the_time_to_come_back() -> None:
    async def refuse(call: Call, _: Message) -> Parts:
        raise Refusal(Reason.QUEUE_FULL, "modèl", "room", "100% of it", retry_after_s=3)

    async def steps(line: Line) -> None:
        line.ask(1)
        await settle()
        told = line.status(line.taken())
        assert told["grpc-status"] == "14"
        assert told["retry-after"] == "3"
        assert told["grpc-message"] == "mod%C3%A8l: expected room, got 100%25 of it."

    run(steps, {"/a/Echo": Method(answer=refuse)})


def test_what_breaks_is_told_without_details(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(call: Call, _: Message) -> Parts:
        raise ValueError("/secret/path")

    async def steps(line: Line) -> None:
        line.ask(1)
        await settle()
        told = line.status(line.taken())
        assert told["grpc-status"] == "13"
        assert "secret" not in told["grpc-message"]

    run(steps, {"/a/Echo": Method(answer=fail)})
    assert "/a/Echo failed" in caplog.text


def test_a_conversation_goes_both_ways() -> None:
    async def talk(call: Call) -> None:
        while (message := await call.receive()) is not None:
            await call.send([b"<", bytes(message.content), b">"])
            call.line.release(message.held_bytes)

    async def steps(line: Line) -> None:
        line.give(begin(1) + data(1, framed(b"a") + framed(b"b")[:3]))
        await settle()
        assert received(line.taken()) == framed(b"<a>")
        line.give(data(1, framed(b"b")[3:], is_end=True))
        await settle()
        found = line.taken()
        assert received(found) == framed(b"<b>")
        assert line.status(found)["grpc-status"] == "0"

    run(steps, {"/a/Echo": Method(converse=talk)})


def test_a_conversation_that_nobody_listens_to_ends() -> None:
    ended = asyncio.Event()

    async def talk(call: Call) -> None:
        try:
            await call.receive()
            await call.receive()
        finally:
            ended.set()

    async def steps(line: Line) -> None:
        line.give(begin(1) + data(1, framed(b"a") * 5))
        await settle()
        line.give(frames.reset(1, Code.CANCEL))
        await asyncio.wait_for(ended.wait(), 30)

    async def released(line: Line) -> None:
        await steps(line)
        line.room.release(line.room.held_bytes)  # of the message that was read

    run(released, {"/a/Echo": Method(converse=talk)})


def test_a_client_sends_on_only_as_fast_as_it_is_read() -> None:
    async def sleep(call: Call) -> None:
        await asyncio.Event().wait()

    async def steps(line: Line) -> None:
        line.give(begin(1))
        for _ in range(8):
            line.give(pieces(1, framed(bytes(100_000))))
        updates = [one for one in line.taken() if one.kind is Kind.WINDOW_UPDATE]
        assert [one.stream for one in updates] == [1]
        line.give(pieces(1, framed(bytes(200_000)) * 3))
        assert not [one for one in line.taken() if one.kind is Kind.WINDOW_UPDATE]

    run(steps, {"/a/Echo": Method(converse=sleep)})


def test_pings_and_settings_are_acknowledged() -> None:
    async def steps(line: Line) -> None:
        line.give(frames.frame(Kind.PING, 0, 0, b"12345678") + frames.settings({}))
        found = line.taken()
        assert [(one.kind, one.flags) for one in found] == [
            (Kind.PING, frames.ACK),
            (Kind.SETTINGS, frames.ACK),
        ]
        assert found[0].payload == b"12345678"

    run(steps)


def test_headers_may_be_continued() -> None:
    async def steps(line: Line) -> None:
        whole = next(parsed(begin(1))).payload
        line.give(frames.frame(Kind.HEADERS, 0, 1, whole[:10]))
        line.give(frames.frame(Kind.CONTINUATION, frames.END_HEADERS, 1, whole[10:]))
        line.give(data(1, framed(b"x"), is_end=True))
        await settle()
        assert received(line.taken()) == framed(b"x")

    run(steps)


def test_padding_is_taken_off() -> None:
    async def steps(line: Line) -> None:
        whole = next(parsed(begin(1))).payload
        flags = frames.END_HEADERS | frames.PADDED | frames.PRIORITY
        line.give(frames.frame(Kind.HEADERS, flags, 1, b"\x03" + bytes(5) + whole + bytes(3)))
        flags = frames.END_STREAM | frames.PADDED
        line.give(frames.frame(Kind.DATA, flags, 1, b"\x02" + framed(b"x") + bytes(2)))
        await settle()
        assert received(line.taken()) == framed(b"x")

    run(steps)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frames.frame(Kind.DATA, 0, 1, b"x"), Code.PROTOCOL_ERROR),
        (begin(2), Code.PROTOCOL_ERROR),
        (frames.frame(Kind.CONTINUATION, 0, 1, b"x"), Code.PROTOCOL_ERROR),
        (frames.frame(Kind.HEADERS, 0, 1) + frames.settings({}), Code.PROTOCOL_ERROR),
        (frames.frame(Kind.HEADERS, frames.END_HEADERS, 1, b"\xff\xff"), Code.COMPRESSION_ERROR),
        (frames.window_update(0, 0), Code.PROTOCOL_ERROR),
        (frames.window_update(0, frames.MAX_WINDOW), Code.FLOW_CONTROL_ERROR),
        (frames.frame(Kind.PING, 0, 0, b"short"), Code.FRAME_SIZE_ERROR),
        (frames.frame(Kind.SETTINGS, 0, 0, setting(5, 1)), Code.PROTOCOL_ERROR),
        (frames.frame(Kind.SETTINGS, 0, 0, setting(4, 2**31)), Code.FLOW_CONTROL_ERROR),
        (frames.frame(Kind.PUSH_PROMISE, 0, 1), Code.PROTOCOL_ERROR),
        (b"\xff\xff\xff\0\0\0\0\0\1", Code.FRAME_SIZE_ERROR),
        (frames.reset(5, Code.CANCEL), Code.PROTOCOL_ERROR),
    ],
)
def test_who_breaks_the_protocol_is_told_how(sent: bytes, code: Code) -> None:
    async def steps(line: Line) -> None:
        line.give(sent)
        found = goodbye(line.taken())
        assert found is not None
        assert found[0] == code
        assert line.wire.is_closed

    run(steps)


@pytest.mark.parametrize(
    "frame",
    [
        frames.frame(Kind.PING, 0, 0, bytes(8)),
        frames.settings({}),
        begin(1) + frames.reset(1, Code.CANCEL) * 2,
    ],
)
def test_who_keeps_the_server_busy_with_nothing_is_sent_away(frame: bytes) -> None:
    async def steps(line: Line) -> None:
        for _ in range(10_100):
            line.give(frame)
        found = goodbye(line.taken())
        assert found is not None
        assert found[0] == Code.ENHANCE_YOUR_CALM

    run(steps)


def test_headers_without_end_are_refused() -> None:
    async def steps(line: Line) -> None:
        line.give(frames.frame(Kind.HEADERS, 0, 1, bytes(10)))
        for _ in range(10):
            line.give(frames.frame(Kind.CONTINUATION, 0, 1, bytes(10_000)))
        found = goodbye(line.taken())
        assert found is not None
        assert found[0] == Code.ENHANCE_YOUR_CALM

    run(steps)


def test_a_client_of_http_1_is_told_where_it_is() -> None:
    async def go() -> None:
        line = Line(ECHO)
        line.give(b"GET / HTTP/1.1\r\n")
        assert line.wire.sent.startswith(b"HTTP/1.1 400 Bad Request")
        assert b"This port speaks gRPC" in line.wire.sent
        assert line.wire.is_closed

    asyncio.run(go())


def test_http_2_that_is_not_grpc_is_told_so() -> None:
    async def steps(line: Line) -> None:
        line.ask(1, b"", **{"content-type": "application/json"})
        await settle()
        assert line.status(line.taken())[":status"] == "415"

    run(steps)


def test_a_call_without_any_header_is_told_so_and_breaks_no_other() -> None:
    async def steps(line: Line) -> None:
        line.give(frames.frame(Kind.HEADERS, frames.END_HEADERS | frames.END_STREAM, 1, b""))
        line.ask(3, b"hello")
        await settle()
        found = line.taken()
        assert line.status([one for one in found if one.stream == 1])[":status"] == "415"
        assert received([one for one in found if one.stream == 3]) == framed(b"hello")

    run(steps)


def test_a_message_that_takes_too_long_is_refused() -> None:
    async def steps(line: Line) -> None:
        line.give(begin(1) + data(1, framed(b"abc")[:6]))
        line.site.expire(1e12)
        told = line.status(line.taken())
        assert told["grpc-status"] == "4"
        assert "within 60 s" in told["grpc-message"]

    run(steps)


def test_a_connection_that_says_nothing_is_closed() -> None:
    async def go() -> None:
        line = Line(ECHO)
        line.give(frames.PREFACE[:5])
        line.site.expire(1e12)
        assert line.wire.is_closed

    asyncio.run(go())


def test_a_frame_that_never_ends_is_not_waited_for() -> None:
    async def steps(line: Line) -> None:
        line.give(begin(1)[:-1])
        line.site.expire(1e12)
        found = goodbye(line.taken())
        assert found is not None
        assert found[1] == b"the beginning of a frame"
        assert line.wire.is_closed

    run(steps)


def test_there_are_no_more_calls_than_connections() -> None:
    async def steps(line: Line) -> None:
        for number in range(1, 23, 2):  # ten are allowed
            line.give(begin(number))
        await settle()
        refused = [one for one in line.taken() if one.kind is Kind.RST_STREAM]
        assert [(one.stream, one.payload) for one in refused] == [
            (21, int(Code.REFUSED_STREAM).to_bytes(4, "big"))
        ]

    run(steps)


def test_a_draining_site_asks_its_clients_to_leave() -> None:
    async def steps(line: Line) -> None:
        line.site.is_draining = True
        found = goodbye(line.taken())
        assert found is not None
        assert found[0] == Code.NO_ERROR
        line.ask(1, b"still answered")
        await settle()
        assert received(line.taken()) == framed(b"still answered")

    run(steps)


def test_noise_never_breaks_the_server() -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)

    async def talk(call: Call) -> None:
        while (message := await call.receive()) is not None:
            call.line.release(message.held_bytes)
            await call.send([bytes(message.content)])

    async def go() -> None:
        for _ in range(300):
            line = Line({"/a/Echo": Method(answer=echo), "/a/Talk": Method(converse=talk)})
            line.greet()
            for _ in range(30):
                line.give(noise(chance))
                if chance.random() < 0.2:
                    await settle()
            line.connection.connection_lost(None)
            await settle()
            assert line.site.in_flight == 0
            assert line.site.open_calls == 0
            assert line.room.held_bytes == 0

    asyncio.run(go())


def noise(chance: random.Random) -> bytes:
    """Something between a good frame and nonsense."""
    number = chance.choice((0, 1, 3, 5, 7))
    sent = chance.choice(
        [
            begin(number, chance.choice(("/a/Echo", "/a/Talk", "/b"))),
            data(number, framed(chance.randbytes(chance.choice((0, 10, 40_000)))), is_end=True),
            data(number, chance.randbytes(10), is_end=chance.random() < 0.5),
            frames.frame(Kind(chance.randrange(10)), chance.randrange(256), number, bytes(8)),
            frames.window_update(number, chance.choice((1, 10**6))),
            frames.reset(number, Code.CANCEL),
            frames.frame(Kind.SETTINGS, 0, 0, setting(4, chance.choice((0, 100, 10**6)))),
        ]
    )
    if chance.random() < 0.1:
        spoiled = bytearray(sent)
        spoiled[chance.randrange(len(spoiled))] ^= 1 << chance.randrange(8)
        sent = bytes(spoiled)
    return sent


def test_a_client_that_makes_room_for_each_answer_is_not_hung_up_on() -> None:
    async def steps(line: Line) -> None:
        around = (
            frames.frame(Kind.PING, 0, 0, bytes(8))
            + frames.window_update(0, 5)
            + frames.frame(Kind.SETTINGS, frames.ACK, 0)
        )
        for number in range(1, 20_001, 2):
            line.give(around)
            line.ask(number, b"hello")
            await settle()
        assert goodbye(line.taken()) is None

    run(steps)


def test_calls_that_are_given_up_are_not_forgiven_for_what_was_sent_to_them() -> None:
    async def steps(line: Line) -> None:
        for number in range(1, 30_001, 2):
            line.give(begin(number) + data(number, b"x") + frames.reset(number, Code.CANCEL))
        found = goodbye(line.taken())
        assert found is not None
        assert found[0] == Code.ENHANCE_YOUR_CALM

    run(steps)

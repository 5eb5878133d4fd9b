import gzip
import random
import secrets
import zlib
from collections import deque

import pytest

from tradewind.serve.refusals import Refusal
from tradewind.serve.wire.grpc.messages import Incoming, Message, unpack
from tradewind.serve.wire.grpc.status import Status


def framed(content: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(content).to_bytes(4, "big") + content


def test_messages_are_the_same_however_they_are_cut() -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(200):
        sent = [chance.randbytes(chance.choice((0, 1, 4, 5, 6, 500))) for _ in range(5)]
        stream = b"".join(map(framed, sent))
        incoming = Incoming(1000, lambda size: size)
        found: deque[Message] = deque()
        while stream:
            size = chance.randint(1, 300)
            incoming.feed(stream[:size], found)
            stream = stream[size:]
        assert [bytes(one.content) for one in found] == sent
        assert incoming.is_between
        assert incoming.held_bytes == 0


def test_a_message_that_is_too_long_is_refused_by_its_prefix() -> None:
    with pytest.raises(Refusal, match="at most 1000 bytes, got 1001 bytes"):
        Incoming(1000, lambda size: size).feed(b"\0" + (1001).to_bytes(4, "big"), deque())


def test_room_is_held_for_what_is_announced() -> None:
    held: list[int] = []

    def hold(size: int) -> int:
        held.append(size)
        return size

    incoming = Incoming(1000, hold)
    found: deque[Message] = deque()
    incoming.feed(framed(bytes(900))[:10], found)
    assert not found
    assert held[0] >= 900
    assert incoming.held_bytes == held[0]
    assert not incoming.is_between


def test_messages_before_nonsense_are_kept_with_what_is_held_for_them() -> None:
    found: deque[Message] = deque()
    with pytest.raises(Status, match="neither 0 nor 1"):
        Incoming(1000, lambda size: size).feed(framed(b"abc") + framed(b"", flag=7), found)
    assert [one.content for one in found] == [b"abc"]
    assert found[0].held_bytes > 0


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("gzip", gzip.compress(b"abc", mtime=0)), ("deflate", zlib.compress(b"abc"))],
    ids=["gzip", "deflate"],
)
def test_packed_messages_are_unpacked(encoding: str, packed: bytes) -> None:
    message = Message(packed, 0, is_packed=True)
    assert unpack(message, encoding, 3) == b"abc"
    with pytest.raises(Refusal, match="more after unpacking"):
        unpack(message, encoding, 2)
    with pytest.raises(Status, match="beginning of a message"):
        unpack(Message(packed[:-5], 0, is_packed=True), encoding, 100)


def test_an_unknown_packing_is_refused() -> None:
    with pytest.raises(Refusal, match="expected gzip, deflate or identity, got br"):
        unpack(Message(b"", 0, is_packed=True), "br", 10)
    with pytest.raises(Status, match="without grpc-encoding"):
        unpack(Message(b"", 0, is_packed=True), "identity", 10)

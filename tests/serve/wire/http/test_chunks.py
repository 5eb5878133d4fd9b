import itertools

import numpy as np
import pytest

from tradewind.errors import RequestError
from tradewind.serve.wire.http.chunks import Chunks


def read(data: bytes, cuts: list[int]) -> tuple[bytes, int]:
    """Return the body, and how much of the data it takes."""
    chunks, body, used = Chunks(), bytearray(), 0
    edges = [0, *cuts, len(data)]
    for low, high in itertools.pairwise(edges):
        if not chunks.is_over:
            used = low + chunks.feed(data[low:high], 0, body)
    assert chunks.is_over
    return bytes(body), used


def test_chunks_may_be_cut_anywhere(random: np.random.Generator) -> None:
    for _ in range(200):
        parts = [random.bytes(int(random.integers(1, 40))) for _ in range(random.integers(0, 6))]
        data = b""
        for part in parts:
            size = f"{len(part):0{random.integers(1, 5)}x}".encode()
            size = size.upper() if random.random() < 0.5 else size
            data += size + (b";a=b" if random.random() < 0.3 else b"") + b"\r\n" + part + b"\r\n"
        data += b"0\r\n" + (b"X: y\r\n" if random.random() < 0.5 else b"") + b"\r\n"
        whole = data + b"GET /"
        cuts = sorted(int(cut) for cut in random.integers(0, len(whole), 8))
        assert read(whole, cuts) == (b"".join(parts), len(data))


@pytest.mark.parametrize(
    "data",
    [
        b"x\r\n",
        b"\r\n",
        b"-1\r\n",
        b"0x1\r\n",
        b" 1\r\n",
        b"1 \r\na\r\n",
        b"1\na\r\n",
        b"1\r\nab",
        b"1\r\na\n",
        b"1" * 17 + b"\r\n",
        b"1;\x00\r\n",
        b"0\r\nno trailer\r\n",
        b"0\r\nA: b\n",
        b"0\r\n" + b"A: b\r\n" * 5000,
        b"1;" + b"a" * 5000,
        b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nb\r\n" * 5000,
    ],
    ids=range(16),
)
def test_what_are_no_chunks_is_refused(data: bytes) -> None:
    with pytest.raises(RequestError, match="body: expected"):
        Chunks().feed(data, 0, bytearray())

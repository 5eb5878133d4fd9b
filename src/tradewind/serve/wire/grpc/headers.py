"""Headers of calls: decoding is remembered, since most calls of a client have the same ones."""

from collections.abc import Mapping

from hpack import Decoder
from hpack.exceptions import HPACKError
from msgspec import Struct

from tradewind.serve.wire.grpc.frames import Code, Fault

MAX_LIST_BYTES = 32 * 1024
_MAX_REMEMBERED = 64
_UNITS_S = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


class Head(Struct, frozen=True):
    """What comes before the messages of a call."""

    path: str
    metadata: Mapping[str, str]  # names in lower case, with `host`
    timeout_s: float | None  # what the client is ready to wait
    encoding: str  # of messages that are marked as packed
    is_grpc: bool  # False where the client speaks HTTP/2, but something else


class Heads:
    """Decodes the header blocks of one connection."""

    def __init__(self) -> None:
        self._decoder = Decoder(MAX_LIST_BYTES)
        self._remembered: dict[bytes, Head] = {}

    def decode(self, block: bytes) -> Head:
        """Return what a block says.

        The same bytes mean the same as long as the table of the connection stays as it is.

        Raises:
            Fault: they mean nothing.
        """
        head = self._remembered.get(block)
        if head is None:
            head = self._decode(block)
        return head

    def _decode(self, block: bytes) -> Head:
        entries = self._decoder.header_table.dynamic_entries
        before = (len(entries), entries[0] if entries else None)
        try:
            fields = [(str(name), str(value)) for name, value in self._decoder.decode(block)]
        except (HPACKError, IndexError, ValueError) as error:
            raise Fault(Code.COMPRESSION_ERROR, f"headers: {error}") from error
        head = read_head(fields)
        after = (len(entries), entries[0] if entries else None)
        is_resized = bool(block) and block[0] & 0xE0 == 0x20
        if before[0] != after[0] or before[1] is not after[1] or is_resized:
            self._remembered.clear()
        else:
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[block] = head
        return head


def read_head(fields: list[tuple[str, str]]) -> Head:
    """Return what headers mean to gRPC."""
    metadata = dict(reversed(fields))  # of several with one name the first counts
    if ":authority" in metadata:
        metadata["host"] = metadata[":authority"]
    kind = metadata.get("content-type", "")
    return Head(
        metadata.get(":path", ""),
        metadata,
        _seconds(metadata.get("grpc-timeout")),
        metadata.get("grpc-encoding", "identity"),
        metadata.get(":method") == "POST"
        and (
            kind == "application/grpc"
            or kind.startswith(("application/grpc+", "application/grpc;"))
        ),
    )


def _seconds(text: str | None) -> float | None:
    """Read a time such as 100m; what is no time is taken for none, as other servers do."""
    if not text:
        return None
    number, unit = text[:-1], text[-1]
    if not (number.isascii() and number.isdigit() and len(number) <= 8 and unit in _UNITS_S):
        return None
    return int(number) * _UNITS_S[unit]

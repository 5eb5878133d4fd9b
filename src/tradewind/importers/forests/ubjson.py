"""Universal Binary JSON, as XGBoost writes it.

Source: ubjson.org, draft 12; of it everything but the no-op and high-precision numbers.
"""

from typing import Any, final

import numpy as np

from tradewind.errors import ModelError

MAX_DEPTH = 64
_NUMBERS: dict[bytes, np.dtype[Any]] = {
    b"i": np.dtype(">i1"),
    b"U": np.dtype(">u1"),
    b"I": np.dtype(">i2"),
    b"l": np.dtype(">i4"),
    b"L": np.dtype(">i8"),
    b"d": np.dtype(">f4"),
    b"D": np.dtype(">f8"),
}
_WORDS: dict[bytes, Any] = {b"Z": None, b"T": True, b"F": False}


def parse(content: bytes, where: str) -> Any:
    """Return the value that `content` holds; arrays of one type of numbers as numpy arrays.

    Raises:
        ModelError: it is cut off, or no such document.
    """
    reader = _Reader(content, where)
    return reader.value(reader.take(1), 0)


@final
class _Reader:
    """A place in the bytes."""

    def __init__(self, content: bytes, where: str) -> None:
        self._content = content
        self._where = where
        self._at = 0

    def take(self, size: int) -> bytes:
        end = self._at + size
        if size < 0 or end > len(self._content):
            hint = "the file is cut off; copy or save it again."
            got = f"{len(self._content)} bytes"
            raise ModelError(self._where, f"a document of {end} bytes or more", got, hint)
        part = self._content[self._at : end]
        self._at = end
        return part

    def value(self, kind: bytes, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise ModelError(self._where, f"values nested {MAX_DEPTH} deep at most", "deeper ones")
        if kind in _NUMBERS:
            return np.frombuffer(self.take(_NUMBERS[kind].itemsize), _NUMBERS[kind])[0].item()
        if kind in _WORDS:
            return _WORDS[kind]
        if kind == b"C":
            return self.take(1).decode("latin-1")
        if kind == b"S":
            return self._text()
        if kind == b"[":
            return self._array(depth)
        if kind == b"{":
            return self._object(depth)
        raise ModelError(self._where, "Universal Binary JSON", f"a value of type {kind!r}")

    def _size(self) -> int:
        kind = self.take(1)
        if kind not in _NUMBERS or _NUMBERS[kind].kind == "f":
            raise ModelError(self._where, "a length", f"a value of type {kind!r}")
        return int(self.value(kind, 0))

    def _text(self) -> str:
        return self.take(self._size()).decode("utf-8", errors="replace")

    def _header(self) -> tuple[bytes | None, int | None]:
        """Return the type of all values and their number, where the container begins with them."""
        kind = None
        if self._next() == b"$":
            self.take(1)
            kind = self.take(1)
        if self._next() != b"#":
            if kind is not None:
                raise ModelError(self._where, "a count after a type", "none")
            return None, None
        self.take(1)
        return kind, self._size()

    def _next(self) -> bytes:
        return self._content[self._at : self._at + 1]

    def _array(self, depth: int) -> Any:
        kind, count = self._header()
        if kind in _NUMBERS and count is not None:
            assert kind is not None
            dtype = _NUMBERS[kind]
            return np.frombuffer(self.take(count * dtype.itemsize), dtype).astype(
                dtype.newbyteorder("=")
            )
        found: list[Any] = []
        while self._goes_on(len(found), count, b"]"):
            found.append(self.value(kind or self.take(1), depth + 1))
        return found

    def _object(self, depth: int) -> dict[str, Any]:
        kind, count = self._header()
        found: dict[str, Any] = {}
        while self._goes_on(len(found), count, b"}"):
            name = self._text()
            found[name] = self.value(kind or self.take(1), depth + 1)
        return found

    def _goes_on(self, done: int, count: int | None, end: bytes) -> bool:
        if count is not None:
            return done < count
        if self._next() == end:
            self.take(1)
            return False
        return True

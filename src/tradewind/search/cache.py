"""Results of earlier searches on disk, under the hash of everything that they depend on."""

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import msgspec

MAX_BYTES = 2_000_000_000
_FORMAT = 1
_DIGEST_BYTES = 32
_ABANDONED_S = 3600.0
"""A file that was begun so long ago belongs to nobody any more."""


@dataclass(frozen=True)
class Entry:
    """One result.

    Args:
        about: what can be said in terms of JSON.
        parts: everything else, by name.
    """

    about: dict[str, Any]
    parts: dict[str, bytes] = field(default_factory=dict, repr=False)


def key_of(what: dict[str, Any]) -> str:
    """Return the hash of what a result depends on."""
    text = msgspec.json.encode({**what, "format": _FORMAT}, order="sorted")
    return hashlib.sha256(text).hexdigest()


@final
class Cache:
    """A folder of results that several searches may use at once.

    What cannot be read counts as missing, and what cannot be written is not kept: a search never
    fails because of its cache. An entry is there as a whole or not at all, and is checked against
    its hash whenever it is read. What was used least recently goes first when room is needed.

    Args:
        folder: made when something is first kept in it.
        max_bytes: of all entries together.
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self.folder = folder
        self._max_bytes = max_bytes

    def get(self, key: str) -> Entry | None:
        """Return what was kept under a key; None where there is nothing, or it is damaged."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        body = memoryview(content)[_DIGEST_BYTES:]
        with contextlib.suppress(msgspec.DecodeError):
            if hashlib.sha256(body).digest() == content[:_DIGEST_BYTES]:
                found = msgspec.msgpack.decode(body, type=Entry)
                with contextlib.suppress(OSError):
                    os.utime(path)  # used just now
                return found
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def put(self, key: str, entry: Entry) -> None:
        """Keep a result, in place of an older one under the same key."""
        body = msgspec.msgpack.encode(entry)
        if len(body) > self._max_bytes // 4:
            return
        path = self._path(key)
        with contextlib.suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".", dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(hashlib.sha256(body).digest())
                    file.write(body)
                Path(name).replace(path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            self._evict()

    @property
    def size_bytes(self) -> int:
        """The size of all entries."""
        return sum(size for _, size, _ in self._files())

    def clear(self) -> None:
        """Forget everything."""
        for _, _, path in self._files():
            with contextlib.suppress(OSError):
                path.unlink()

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """Yield when each file was last used, its size and its place."""
        for path in self.folder.glob("??/*"):
            with contextlib.suppress(OSError):  # another search has removed it
                found = path.stat()
                yield found.st_mtime, found.st_size, path

    def _evict(self) -> None:
        files = sorted(self._files())
        total = sum(size for _, size, _ in files)
        for used, size, path in files:
            is_abandoned = path.name.startswith(".") and time.time() - used > _ABANDONED_S
            if total > self._max_bytes or is_abandoned:
                with contextlib.suppress(OSError):
                    path.unlink()
                    total -= size

"""Noticing that a file was replaced or edited."""

from pathlib import Path

_Stamp = tuple[int, int, int] | None


class Watched:
    """Remembers how a file looked when it was last asked about.

    Links are followed, so that a mounted secret which is swapped by its link counts as changed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen = _stamp(path)

    def has_changed(self) -> bool:
        """Say whether the file is another one than at the last call; a missing one is not."""
        now = _stamp(self.path)
        if now is None or now == self._seen:
            return False
        self._seen = now
        return True


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

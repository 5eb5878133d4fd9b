"""Folders for temporary files, which go when their user does: by Ctrl-C, too, or with a child."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def temporary_folder(where: Path | None = None) -> Iterator[Path]:
    """Make a folder, and remove it with all that is in it at the end.

    Ctrl-C or SIGTERM while it is being made or removed does not keep it either, as
    `tempfile.TemporaryDirectory` does. What cannot be removed is left without a word.

    Args:
        where: the folder that it is made in; that of the system, or of TMPDIR, unless told.

    Raises:
        OSError: there is no room.
    """
    # named before it is made: a signal may come before `mkdtemp` could tell the name
    folder = Path(where or tempfile.gettempdir()) / f"tradewind-{secrets.token_hex(8)}"
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        try:
            shutil.rmtree(folder, ignore_errors=True)
        except (KeyboardInterrupt, SystemExit):
            shutil.rmtree(folder, ignore_errors=True)
            raise


def environment_inside(folder: Path) -> dict[str, str]:
    """Return the environment of a child whose own temporary files are to go with `folder`.

    A child that is killed cannot remove them itself.
    """
    return {**os.environ, "TMPDIR": str(folder)}

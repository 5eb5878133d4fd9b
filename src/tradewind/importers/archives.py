"""Zip archives of other frameworks, looked at before any of them is opened."""

import zipfile
from pathlib import Path

from tradewind.errors import ModelError
from tradewind.model import MAX_BYTES


def check_archive(path: Path) -> None:
    """Raise unless an archive may be handed to the framework that reads it.

    Raises:
        ModelError: it is damaged, unpacks to more than `MAX_BYTES`, or names a place outside.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        hint = "copy it again; it may be cut off."
        raise ModelError(path.name, "a whole archive", str(error), hint) from error
    size_bytes = sum(member.file_size for member in members)
    if size_bytes > MAX_BYTES:
        raise ModelError(path.name, f"at most {MAX_BYTES} bytes", f"{size_bytes} bytes unpacked")
    for member in members:
        parts = member.filename.split("/")
        if ".." in parts or member.filename.startswith("/") or "\\" in member.filename:
            raise ModelError(path.name, "files inside the archive", repr(member.filename))

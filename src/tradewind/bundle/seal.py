"""Hashes over every byte of a folder, fine enough to say where one changed.

The file `SEAL` holds the SHA-256 of the rest of itself on its first line, then JSON: for every
other file but `SIGNATURES` its size with the SHA-256 of each block of 64 KiB.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tradewind.errors import BundleError

NAME = "SEAL"
SIGNATURES = "SIGNATURES"  # of the seal, which therefore cannot hold their hash
BLOCK_BYTES = 65_536


@dataclass(frozen=True)
class SealedFile:
    """What one file looked like when the folder was sealed."""

    size_bytes: int
    blocks: tuple[str, ...]  # SHA-256 of each block, in hexadecimal


def seal(folder: Path) -> None:
    """Write the seal of everything in `folder`."""
    files = {
        path.relative_to(folder).as_posix(): _look(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path not in (folder / NAME, folder / SIGNATURES)
    }
    body = msgspec.json.format(msgspec.json.encode(files), indent=1)
    (folder / NAME).write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def damages(folder: Path) -> list[str]:
    """Return, in words, every place where the folder differs from its seal; empty if none.

    Raises:
        BundleError: there is no seal.
    """
    path = folder / NAME
    if not path.is_file():
        got = (
            "a folder without it" if folder.is_dir() else "a file" if folder.exists() else "nothing"
        )
        raise BundleError(str(folder), f"a bundle with a file {NAME}", got, "is it a bundle?")
    first, _, body = path.read_bytes().partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != first:
        return [f"{NAME}: the hashes themselves were changed"]
    try:
        sealed = msgspec.json.decode(body, type=dict[str, SealedFile])
    except msgspec.DecodeError as error:
        return [f"{NAME}: {error}"]
    found = [
        f"{name}: not part of the bundle when it was sealed"
        for name in sorted(_present(folder) - sealed.keys())
    ]
    for name, then in sealed.items():
        found += _compare(name, folder / name, then)
    return found


def _present(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path not in (folder / NAME, folder / SIGNATURES)
    }


def _compare(name: str, path: Path, then: SealedFile) -> list[str]:
    if not path.is_file():
        return [f"{name}: missing"]
    now = _look(path)
    found = [
        f"{name}: bytes {index * BLOCK_BYTES} to "
        f"{min((index + 1) * BLOCK_BYTES, now.size_bytes) - 1} were changed"
        for index, (before, after) in enumerate(zip(then.blocks, now.blocks, strict=False))
        if before != after
    ]
    if now.size_bytes != then.size_bytes:
        found.append(f"{name}: {then.size_bytes} bytes became {now.size_bytes}")
    return found


def _look(path: Path) -> SealedFile:
    blocks = []
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            blocks.append(hashlib.sha256(block).hexdigest())
    return SealedFile(path.stat().st_size, tuple(blocks))

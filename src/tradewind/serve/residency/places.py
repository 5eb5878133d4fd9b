"""Where the models of a directory lie: by name and version, found by looking at names only.

- `NAME.tw`, a bundle, or `NAME.onnx`: version 1 of NAME.
- `NAME/2.tw`, `NAME/2.onnx` or `NAME/2/` with a `model.tw` or `model.onnx` inside: version 2.
- `NAME/labels.json`, such as `{"stable": 1, "canary": 2}`: other words for versions.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import msgspec

LABELS = "labels.json"
STABLE = "stable"
"""The label of the version that is asked where a request names none."""

_SUFFIXES = (".tw", ".onnx")
_INSIDE = tuple(f"model{suffix}" for suffix in _SUFFIXES)


@final
@dataclass(frozen=True)
class Family:
    """All versions of one model."""

    versions: Mapping[str, Path]
    labels: Mapping[str, str] = field(default_factory=dict)  # label to version
    fault: str = ""  # of the labels, when they cannot be read

    @property
    def preferred(self) -> tuple[str, ...]:
        """The versions in the order in which a request without one wants them."""
        newest = sorted(self.versions, key=int, reverse=True)
        stable = self.labels.get(STABLE)
        return tuple(sorted(newest, key=lambda version: version != stable))


def look(folder: Path) -> dict[str, Family]:
    """Return the models of a directory, without opening any.

    Raises:
        OSError: it cannot be read.
    """
    found: dict[str, Family] = {}
    folders: list[os.DirEntry[str]] = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            stem, suffix = _split(entry.name)
            if entry.name.startswith("."):
                continue
            if suffix in _SUFFIXES and stem:
                found.setdefault(stem, Family({"1": Path(entry.path)}))
            elif entry.is_dir():
                folders.append(entry)
    for entry in folders:
        family = _family(Path(entry.path))
        if family is not None:
            found.setdefault(entry.name, family)
    return found


def fingerprint(path: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Return what changes whenever a file of a model does: names, sizes, times and inodes."""
    try:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        looks = [(str(file), file.stat()) for file in files if not file.is_dir()]
    except OSError:  # it is just being replaced
        return ()
    return tuple((name, look.st_size, look.st_mtime_ns, look.st_ino) for name, look in looks)


def size_bytes(path: Path) -> int:
    """Return the size of a model's largest file on disk: a first guess at its size in memory."""
    return max((size for _, size, _, _ in fingerprint(path)), default=0)


def _split(name: str) -> tuple[str, str]:
    """Return a name without its suffix, with the suffix; a thousand paths would take longer."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if stem else (name, "")


def _family(folder: Path) -> Family | None:
    """Return the versions in a folder; None where there are none."""
    try:
        versions = dict(_versions(folder))
    except OSError:
        return None
    if not versions:
        return None
    try:
        content = (folder / LABELS).read_bytes()
        labels = msgspec.json.decode(content, type=dict[str, int | str])
    except FileNotFoundError:
        return Family(versions)
    except (OSError, msgspec.DecodeError) as error:
        return Family(versions, fault=f"{LABELS}: {error}")
    return Family(versions, {label: str(version) for label, version in labels.items()})


def _versions(folder: Path) -> Iterator[tuple[str, Path]]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            stem, suffix = _split(entry.name)
            if not (stem.isascii() and stem.isdigit()):
                continue
            if suffix in _SUFFIXES:
                yield str(int(stem)), Path(entry.path)
            elif not suffix and entry.is_dir():
                for name in _INSIDE:
                    if (Path(entry.path) / name).exists():
                        yield str(int(stem)), Path(entry.path) / name
                        break

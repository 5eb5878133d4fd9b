"""A bundle on disk: there as a whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tradewind.bundle.manifest import Manifest
from tradewind.bundle.seal import NAME, seal
from tradewind.errors import OutputError
from tradewind.model import Model

MANIFEST = "manifest.json"
REPORT = "report.html"


def check_target(target: Path, *, overwrite: bool) -> None:
    """Raise unless a bundle can be written to `target`; to be called before any work is done.

    Raises:
        OutputError: something is there already that must not be replaced, or the folder around
            it is missing or not writable.
    """
    parent = target.absolute().parent
    if not parent.is_dir():
        raise OutputError(
            str(target), "an existing folder around it", f"no folder {parent}", "create it first."
        )
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(
            str(target), "a folder that can be written to", f"{parent} is read-only",
            "choose another place with `--out DIR`.",
        )  # fmt: skip
    if not target.exists():
        return
    if not (target / NAME).is_file():
        raise OutputError(
            str(target),
            "a free name or an older bundle",
            "something else of that name",
            "choose another place with `--out DIR`.",
        )
    if not overwrite:
        raise OutputError(
            str(target),
            "a free name",
            "a bundle that exists already",
            "add `--overwrite` to replace it, or choose another place with `--out DIR`.",
        )


def write_bundle(
    target: str | Path,
    manifest: Manifest,
    models: Mapping[str, Model],
    report: str,
    texts: Mapping[str, str | bytes] | None = None,
) -> None:
    """Write a bundle next to its final place, then move it there in one step.

    Args:
        target: the folder to make; an older bundle there is replaced only when the new one is
            complete, and survives whatever goes wrong before.
        manifest: its record; names of graphs in it are keys of `models`.
        models: the graphs by their path inside the bundle.
        report: a page of HTML.
        texts: other files by their path inside the bundle.

    Raises:
        OutputError: the disk is full, the place cannot be written to, or something that is no
            bundle has its name.
    """
    target = Path(target)
    check_target(target, overwrite=True)
    parent = target.absolute().parent
    try:
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=parent))
    except OSError as error:
        raise _refused(target, error) from error
    try:
        _fill(staging, manifest, models, {**(texts or {}), REPORT: report})
        _swap(staging, target)
    except OSError as error:
        raise _refused(target, error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _fill(
    folder: Path,
    manifest: Manifest,
    models: Mapping[str, Model],
    texts: Mapping[str, str | bytes],
) -> None:
    for name, model in models.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        model.save(path)
    (folder / MANIFEST).write_bytes(manifest.to_json())
    for name, text in texts.items():
        content = text if isinstance(text, bytes) else text.encode()
        (folder / name).write_bytes(content)
    seal(folder)
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:  # on disk before the name is
                os.fsync(file.fileno())


def _swap(staging: Path, target: Path) -> None:
    """Give the new folder the name; the old one keeps it until the new one is complete."""
    if not target.exists():
        staging.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.absolute().parent))
    try:
        target.rename(old / "bundle")
        staging.rename(target)
    finally:
        # whatever came between the two steps, an interrupt included
        if not target.exists():
            (old / "bundle").rename(target)
        shutil.rmtree(old, ignore_errors=True)


def _refused(target: Path, error: OSError) -> OutputError:
    return OutputError(
        str(target),
        "room and permission to write a bundle",
        error.strerror or str(error),
        "free some space, or choose another place with `--out DIR`; nothing was changed.",
    )

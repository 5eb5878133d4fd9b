"""Keras files, looked at before anything in them is built."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

MAX_BYTES = 2**31

_OURS = ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras")
_FOREIGN = {
    "Lambda": "code of its own",
    "__lambda__": "code of its own",
    "TorchModuleWrapper": "a pickle",
    "TFSMLayer": "a model outside of the file",
    "JaxLayer": "code of its own",
    "FlaxLayer": "code of its own",
}
_EXPORT = "where it was trained, write `model.export('folder')` and give that folder."


@dataclass(frozen=True)
class KerasFile:
    """What a file says about itself."""

    is_legacy: bool  # written by Keras 2
    config: dict[str, Any]


def looked_at(path: Path) -> KerasFile:
    """Return what is known of a file from which nothing foreign would run.

    Raises:
        ValueError: it holds code, leads outside of itself, or holds no model.
    """
    try:
        found = _archive(path) if zipfile.is_zipfile(path) else _hdf5(path)
        check_config(found.config)
    except (OSError, KeyError, json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        hint = "copy it again; it may be cut off."
        raise ValueError("a whole Keras file", f"{error}", hint) from error
    return found


def _archive(path: Path) -> KerasFile:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if "config.json" not in names:
            raise ValueError("an archive of `model.save('model.keras')`", ", ".join(names[:5]), "")
        config = json.loads(archive.read("config.json"))
        metadata = json.loads(archive.read("metadata.json")) if "metadata.json" in names else {}
        for name in names:
            if name.endswith(".h5"):
                with h5py.File(io.BytesIO(archive.read(name)), "r") as weights:
                    check_links(weights)
    return KerasFile(str(metadata.get("keras_version", "3")).startswith("2"), config)


def _hdf5(path: Path) -> KerasFile:
    with h5py.File(path, "r") as file:
        check_links(file)
        if "model_config" not in file.attrs:
            hint = "it may hold weights alone; write `model.save('model.keras')` instead."
            raise ValueError("an HDF5 file with a Keras model", "one without", hint)
        text = file.attrs["model_config"]
        version = file.attrs.get("keras_version", b"2")
    config = json.loads(text)
    name = version.decode() if isinstance(version, bytes) else str(version)
    return KerasFile(not name.startswith("3"), config)


def check_links(file: Any) -> None:
    """Raise when an HDF5 file reads other files, or holds more than it may.

    Raises:
        ValueError: it does.
    """
    total = 0
    for name, item in _items(file, ""):
        if _is_elsewhere(item):
            raise ValueError("an HDF5 file on its own", f"{name!r} in another file", "")
        if isinstance(item, h5py.Dataset):
            total += int(item.size or 0) * item.dtype.itemsize
    if total > MAX_BYTES:
        raise ValueError(f"at most {MAX_BYTES} bytes", f"{total} bytes", "")


def _is_elsewhere(item: Any) -> bool:
    if isinstance(item, h5py.Dataset):
        return bool(item.external or item.is_virtual)
    return isinstance(item, h5py.ExternalLink)


def _items(group: Any, path: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield everything in a group, links to other files as links."""
    if depth > 100:
        raise ValueError("groups at most 100 deep", "a circle of links", "")
    for name in group:
        where = f"{path}/{name}"
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            yield where, link
            continue
        if isinstance(link, h5py.SoftLink):
            continue  # it leads to something in this file, which is looked at in its place
        item = group[name]
        yield where, item
        if isinstance(item, h5py.Group):
            yield from _items(item, where, depth + 1)


def check_config(config: Any) -> None:
    """Raise when something in a configuration is not built by Keras alone.

    Raises:
        ValueError: it names code, a class or a file from elsewhere.
    """
    if isinstance(config, list):
        for item in config:
            check_config(item)
    if not isinstance(config, dict):
        return
    name = str(config.get("class_name", ""))
    if name in _FOREIGN:
        raise ValueError("layers that Keras builds itself", f"{name}: {_FOREIGN[name]}", _EXPORT)
    if "function_type" in config:
        raise ValueError("layers that Keras builds itself", "code of its own", _EXPORT)
    vocabulary = config.get("vocabulary")
    if vocabulary is not None and not isinstance(vocabulary, list | tuple | dict):
        raise ValueError("a vocabulary inside the file", f"{vocabulary!r}", _EXPORT)
    _check_module(config, name)
    for item in config.values():
        check_config(item)


def _check_module(config: dict[str, Any], name: str) -> None:
    """Raise when a class comes from another module than those of Keras."""
    if "class_name" not in config or not isinstance(config.get("module"), str):
        return  # files of Keras 2 name classes alone, and only its own are known
    module = config["module"]
    if module == "builtins" and isinstance(config.get("config"), str) and name == "function":
        return  # the name of an activation
    if not any(module == ours or module.startswith(ours + ".") for ours in _OURS):
        raise ValueError("layers that Keras builds itself", f"{module}.{name}", _EXPORT)

"""`.skops` files, which hold data and the names of types, read without running foreign code."""

import io
import json
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tradewind.errors import ModelError
from tradewind.importers.archives import check_archive
from tradewind.importers.audit import AUDITED, check_trees

_DTYPE = "numpy.dtype"
"""Harmless where it is read from the head of an empty array, as skops writes it."""


def read_skops(path: Path, skops: Any) -> Any:
    """Load an estimator all of whose types are harmless, or are after a look at their content.

    Args:
        path: the file.
        skops: the module `skops.io`.

    Raises:
        ModelError: it is damaged, unsafe, or was written by another release of scikit-learn.
    """
    check_archive(path)
    content = path.read_bytes()  # once, so that what was looked at is what is loaded
    try:
        strange = skops.get_untrusted_types(data=content)
        known = (*AUDITED, *((_DTYPE,) if _are_dtypes_plain(content) else ()))
        unknown = [name for name in strange if name not in known]
        if not unknown:
            found = _loaded(skops, content, [name for name in strange if name in known])
            check_trees(found, path.name)
            return found
    except ModelError:
        raise
    except Exception as error:  # damaged archives raise whatever their parts do
        got = f"a damaged one ({type(error).__name__}: {error})"
        raise ModelError(path.name, "a whole `.skops` file", got[:300]) from error
    raise ModelError(
        path.name,
        "types that skops knows to be harmless",
        ", ".join(unknown),
        "where it was trained, write `load_model(estimator).save(Path('model.onnx'))`.",
    )


def _loaded(skops: Any, content: bytes, trusted: list[str]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of attributes that scikit-learn is about to drop
        return skops.loads(content, trusted=trusted)


def _are_dtypes_plain(content: bytes) -> bool:
    """Whether every element type is read in the one way that runs nothing but numpy's parser."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        schema = json.loads(archive.read("schema.json"))
    return all(
        node.get("__loader__") == "DTypeNode"
        and isinstance(node.get("content"), dict)
        and node["content"].get("__loader__") == "NdArrayNode"
        for node in _nodes(schema)
        if f"{node.get('__module__')}.{node.get('__class__')}" == _DTYPE
        and node.get("__loader__") != "TypeNode"  # the class itself
    )


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value:
        if isinstance(part, dict | list):
            yield from _nodes(part)

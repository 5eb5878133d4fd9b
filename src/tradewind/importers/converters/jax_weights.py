"""Parameters of functions of JAX from files."""

import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np

_HEAD_BYTES = 100_000_000
_TYPES = {
    **{"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool"},
    **{
        f"{kind[0].upper()}{bits}": f"{kind}{bits}"
        for kind in ("int", "uint")
        for bits in (8, 16, 32, 64)
    },
}
_HINT = "keep them with `numpy.savez`, or as safetensors."


def read_weights(path: Path, *, trusts_pickle: bool) -> list[Any]:
    """Return what the function may take as its parameters, the likeliest first.

    Args:
        path: `.npz`, `.npy`, safetensors or, where it is trusted, a pickle.
        trusts_pickle: run what a pickle holds.

    Raises:
        ValueError: it is something else, or damaged.
    """
    with path.open("rb") as file:
        head = file.read(9)
    if head[:1] == b"\x80" and trusts_pickle:
        return [pickle.loads(path.read_bytes())]
    if head[:1] == b"\x80":
        got = "a pickle, which only running foreign code could load"
        hint = f"{_HINT[:-1]}; where you trust its maker add `--trust-pickle`."
        raise ValueError("a file of parameters", got, hint)
    if head[8:9] == b"{":
        return shapes_of(_read_safetensors(path))
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return [found]
        with found:
            return shapes_of({name: found[name] for name in found.files})
    except Exception as error:  # damaged archives raise whatever their parts do
        lines = str(error).splitlines() or [type(error).__name__]
        raise ValueError("a file of parameters", lines[0][:200], _HINT) from error


def shapes_of(flat: dict[str, Any]) -> list[Any]:
    """Return the trees that flat names may have been made from, the likeliest first."""
    if all(re.fullmatch(r"arr_\d+", name) for name in flat):  # numpy's, of what has no name
        leaves = [flat[f"arr_{at}"] for at in range(len(flat)) if f"arr_{at}" in flat]
        return [leaves[0], leaves] if len(leaves) == 1 else [leaves, flat]
    for separator in "/.":
        if any(separator in name for name in flat):
            nested = _nested(flat, separator)
            return [flat] if nested is None else [_with_lists(nested), nested, flat]
    return [flat]


def _nested(flat: dict[str, Any], separator: str) -> dict[str, Any] | None:
    """Return dictionaries in dictionaries; None where a name is both a leaf and a branch."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *branches, leaf = name.split(separator)
        place = tree
        for branch in branches:
            place = place.setdefault(branch, {})
            if not isinstance(place, dict):
                return None
        if leaf in place:
            return None
        place[leaf] = value
    return tree


def _with_lists(tree: Any) -> Any:
    """Return the tree with lists where all keys of a level count from 0."""
    if not isinstance(tree, dict):
        return tree
    inner = {key: _with_lists(value) for key, value in tree.items()}
    if set(inner) == {str(at) for at in range(len(inner))}:
        return [inner[str(at)] for at in range(len(inner))]
    return inner


def _read_safetensors(path: Path) -> dict[str, Any]:
    """Return the arrays of a file; its header tells each one's type, shape and place."""
    import ml_dtypes  # noqa: F401  (numpy knows bfloat16 by its name afterwards)

    content = memoryview(path.read_bytes())
    size_bytes = int.from_bytes(content[:8], "little")
    if size_bytes > min(len(content) - 8, _HEAD_BYTES):
        raise ValueError("a file of safetensors", f"a header of {size_bytes} bytes", _HINT)
    data, found = content[8 + size_bytes :], {}
    try:
        entries = json.loads(bytes(content[8 : 8 + size_bytes]))
        for name, entry in entries.items():
            if name == "__metadata__":
                continue
            dtype, part = np.dtype(_TYPES[entry["dtype"]]), _part(data, *entry["data_offsets"])
            found[name] = np.frombuffer(part, dtype).reshape(entry["shape"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        got = f"{type(error).__name__}: {error}"
        raise ValueError("a whole file of safetensors", got[:200], _HINT) from error
    return found


def _part(data: memoryview, start: int, end: int) -> memoryview:
    if not 0 <= start <= end <= len(data):
        raise ValueError("an array lies outside of the file")
    return data[start:end]

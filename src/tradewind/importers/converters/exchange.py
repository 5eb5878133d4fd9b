"""Arrays on their way between two processes: `names.json` beside `0.npy`, `1.npy` … in a folder."""

import json
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, Any]


def read_tensors(folder: Path) -> Arrays:
    """Return the arrays in a folder; texts as objects of type `str`."""
    found: Arrays = {}
    for i, (name, is_text) in enumerate(json.loads((folder / "names.json").read_text())):
        if is_text:
            content = json.loads((folder / f"{i}.json").read_text(encoding="utf-8"))
            array = np.empty(len(content["values"]), object)
            array[:] = content["values"]
            found[name] = array.reshape(content["shape"])
        else:
            found[name] = np.load(folder / f"{i}.npy", allow_pickle=False)
    return found


def write_tensors(folder: Path, tensors: Arrays) -> None:
    """Write arrays into a new folder."""
    folder.mkdir()
    names = []
    for i, (name, value) in enumerate(tensors.items()):
        array = np.asarray(value)
        is_text = array.dtype.kind in "OSU"
        names.append((name, is_text))
        if is_text:
            values = [v.decode() if isinstance(v, bytes) else str(v) for v in array.ravel()]
            text = json.dumps({"shape": array.shape, "values": values}, ensure_ascii=False)
            (folder / f"{i}.json").write_text(text, encoding="utf-8")
        else:
            np.save(folder / f"{i}.npy", array, allow_pickle=False)
    (folder / "names.json").write_text(json.dumps(names), encoding="utf-8")

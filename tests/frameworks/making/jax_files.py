"""Models of JAX as files of jax.export.

python jax_files.py TARGET
"""

import pickle
import sys
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import export
from jax_models import Made, models


def _saved(folder: Path, name: str, made: Made) -> None:
    closed = made.function if made.params is None else partial(made.function, made.params)
    if made.params is None:
        closed = partial(made.function, None)
    shapes = [made.inputs]
    symbol = export.symbolic_shape("batch")[0]
    free = tuple(jax.ShapeDtypeStruct((symbol, *s.shape[1:]), s.dtype) for s in made.inputs)
    if name != "fixed":
        shapes.append(free)
    for inputs in shapes:
        form = "free" if inputs is free else "fixed"
        exported = export.export(jax.jit(closed))(*inputs)
        (folder / f"{name}.{form}").write_bytes(exported.serialize())


def _keep_params(folder: Path, name: str, params: Any) -> None:
    """Write parameters as arrays under the names of their places in the tree, and as a pickle."""
    arrays = jax.tree_util.tree_map(np.asarray, params)
    with (folder / f"{name}.pkl").open("wb") as file:
        pickle.dump(arrays, file)
    leaves = jax.tree_util.tree_leaves_with_path(arrays)
    named = {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}
    if "" in named:  # one array
        np.savez(folder / f"{name}.npz", named[""])
    else:
        np.savez(folder / f"{name}.npz", **named)


def _main(folder: Path) -> None:
    for name, made in models().items():
        _saved(folder, name, made)
        if made.params is not None:
            _keep_params(folder, name, made.params)
    rough = export.export(jax.jit(lambda x: jax.numpy.fft.fft(x).real))
    (folder / "waves").write_bytes(rough(jax.ShapeDtypeStruct((2, 8), "float32")).serialize())
    named = export.export(jax.jit(lambda given: {"sum": given["left"] + given["right"]}))
    pair = {side: jax.ShapeDtypeStruct((2, 3), "float32") for side in ("left", "right")}
    (folder / "named").write_bytes(named(pair).serialize())


if __name__ == "__main__":
    _main(Path(sys.argv[1]))

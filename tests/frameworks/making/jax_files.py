"""Models of JAX as files of jax.export.

python jax_files.py TARGET
"""

import sys
from functools import partial
from pathlib import Path

import jax
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


def _main(folder: Path) -> None:
    for name, made in models().items():
        _saved(folder, name, made)
    rough = export.export(jax.jit(lambda x: jax.numpy.fft.fft(x).real))
    (folder / "waves").write_bytes(rough(jax.ShapeDtypeStruct((2, 8), "float32")).serialize())
    named = export.export(jax.jit(lambda given: {"sum": given["left"] + given["right"]}))
    pair = {side: jax.ShapeDtypeStruct((2, 3), "float32") for side in ("left", "right")}
    (folder / "named").write_bytes(named(pair).serialize())


if __name__ == "__main__":
    _main(Path(sys.argv[1]))

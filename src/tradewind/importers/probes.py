"""Questions that an import and its original are both asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradewind.tensors import Array, Datatype, Signature, TensorSpec

BATCHES = (1, 2, 17)
"""One example, the smallest batch, and a number that no kernel is made for."""

FREE = 8
"""The size given to a dimension that may vary but does not count examples."""

_TEXTS = (b"", b"a", b"Hello, world", "naïve café ☕ 東京".encode(), b"0", b"  two  spaces ")


@dataclass(frozen=True)
class Range:
    """The values of an input that make sense: token ids, pixels, seconds."""

    low: float
    high: float  # included


def probes(
    signature: Signature,
    seed: int = 0,
    ranges: Mapping[str, Range] | None = None,
    sizes: Mapping[str, int] | None = None,
    *,
    missing: bool = False,
) -> list[dict[str, Array]]:
    """Return inputs that an import is compared on, edge cases among them.

    They are: batches of one and of several examples around 0, over several magnitudes, all zeros,
    large values, texts that are empty or foreign, and NaN where values may be missing.

    Args:
        signature: what goes in.
        seed: fixes the values.
        ranges: by input, the values that make sense; floats are drawn around 0 and integers
            from 0 to 1 where none is given.
        sizes: by symbolic dimension, the size to use; `FREE` for those not named.
        missing: whether NaN means a missing value, as it does for trees.
    """
    random = np.random.default_rng(seed)
    found = []
    for batch in BATCHES if signature.has_free_batch else (None,):
        for kind in _kinds(missing):
            found.append(
                {
                    spec.name: _values(
                        spec,
                        kind,
                        _shape(spec, batch, sizes or {}),
                        (ranges or {}).get(spec.name),
                        random,
                    )
                    for spec in signature.inputs
                }
            )
    return found


def _kinds(missing: bool) -> Iterator[str]:
    yield from ("ordinary", "spread", "zeros", "large")
    if missing:
        yield from ("missing", "all missing")


def _shape(spec: TensorSpec, batch: int | None, sizes: Mapping[str, int]) -> tuple[int, ...]:
    shape = []
    for axis, size in enumerate(spec.shape):
        if isinstance(size, int):
            shape.append(size)
        elif axis == 0 and batch is not None:
            shape.append(batch)
        else:
            shape.append(sizes.get(size, FREE) if size is not None else FREE)
    return tuple(shape)


def _values(
    spec: TensorSpec,
    kind: str,
    shape: tuple[int, ...],
    values: Range | None,
    random: np.random.Generator,
) -> Array:
    dtype = spec.datatype.numpy
    if spec.datatype is Datatype.BYTES:
        return _texts(shape, random, is_empty=kind == "zeros")
    if spec.datatype is Datatype.BOOL:
        return np.asarray(random.random(shape) < (0.0 if kind == "zeros" else 0.5))
    if np.issubdtype(dtype, np.integer):
        return _integers(kind, shape, values, dtype, random)
    found = _floats(kind, shape, random)
    if values is not None:
        finite = np.isfinite(found)
        unit = np.tanh(np.where(finite, found, 0)) / 2 + 0.5
        found = np.where(finite, values.low + unit * (values.high - values.low), found)
    return np.asarray(found, dtype)


def _floats(kind: str, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    ordinary = random.normal(size=shape)
    if kind == "zeros":
        return np.zeros(shape)
    if kind == "large":
        return ordinary * 100
    if kind == "spread":
        return np.asarray(ordinary * 10 ** random.uniform(-3, 1, shape))
    if kind == "missing":
        return np.where(random.random(shape) < 0.3, np.nan, ordinary)
    if kind == "all missing":
        return np.full(shape, np.nan)
    return ordinary


def _integers(
    kind: str,
    shape: tuple[int, ...],
    values: Range | None,
    dtype: np.dtype[Any],
    random: np.random.Generator,
) -> Array:
    limits = np.iinfo(dtype)
    narrow = limits.bits == 8  # pixels and quantized features use all of it
    low, high = (limits.min, limits.max) if narrow else (0, 1)
    if values is not None:
        low, high = int(values.low), int(values.high)
    if kind == "zeros":
        return np.full(shape, np.clip(0, low, high), dtype)
    if kind == "large":
        return np.full(shape, high, dtype)
    return random.integers(low, high, shape, dtype, endpoint=True)


def _texts(shape: tuple[int, ...], random: np.random.Generator, *, is_empty: bool) -> Array:
    found = np.empty(shape, object)
    chosen = [b"" if is_empty else _TEXTS[i] for i in random.integers(len(_TEXTS), size=found.size)]
    found.reshape(-1)[:] = chosen
    return found

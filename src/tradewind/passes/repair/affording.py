"""How many examples fit into memory while a graph is walked through."""

from collections.abc import Mapping
from math import prod

from tradewind.errors import PassError
from tradewind.model import Model
from tradewind.passes.contract import Observed
from tradewind.tensors import Array

MEMORY_BYTES = 1_000_000_000
"""About what the values that are kept take at once, of both graphs together."""

_LIVE = 8
"""Values of the largest size that are kept at once: inputs, skips and results of two graphs."""

_BATCH = 64


def batches_of(model: Model, seen: Observed, most: int) -> list[dict[str, Array]]:
    """Return the examples, `most` at most, in batches that the graph takes.

    Raises:
        PassError: there are fewer examples than one batch needs.
    """
    count = min(most, len(seen))
    size = model.signature.fixed_batch or max(min(_BATCH, count), 1)
    whole, rest = divmod(count, size)
    left = 1 if rest and model.signature.fixed_batch is None else 0
    found = [
        batch for batch, _ in zip(seen.batches(size), range(whole + left), strict=False)
    ]  # fmt: skip
    if not found:
        raise PassError(model.origin.source, f"{size} examples to look at", f"{len(seen)} of them")
    return [_first(batch, count - at * size) for at, batch in enumerate(found)]


def affordable(shapes: Mapping[str, tuple[int, ...]], examples: int) -> int:
    """Return how many examples may be walked through at once.

    Args:
        shapes: of all values, for some examples.
        examples: how many they were.
    """
    largest = max((prod(shape) for shape in shapes.values()), default=1) * 4 / max(examples, 1)
    return max(1, int(MEMORY_BYTES / (_LIVE * max(largest, 1))))


def _first(batch: dict[str, Array], count: int) -> dict[str, Array]:
    return {name: array[:count] if array.ndim else array for name, array in batch.items()}

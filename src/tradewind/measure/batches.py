"""Real inputs to time with: different ones, since the time of an answer may depend on them."""

from collections.abc import Callable, Collection

import numpy as np

from tradewind.tensors import Array, Tensors

POOL = 512
POOL_BYTES = 64 * 10**6
"""Examples that are timed at most, so that those that take longer are a fair share of them."""


def timing_batches(
    take: Callable[[Array], Tensors], indices: Array, sizes: Collection[int]
) -> dict[int, tuple[Tensors, ...]]:
    """Return several batches of each size, of examples that are repeated where there are too few.

    Args:
        take: returns the examples of these numbers.
        indices: int64[n], the examples that may be used, in the order in which they are.
        sizes: of the batches.
    """
    one_bytes = sum(array.nbytes for array in take(indices[:1]).values())
    most = min(POOL, len(indices), max(1, POOL_BYTES // max(one_bytes, 1)))
    count = max(most, *sizes)
    pool = take(np.resize(indices[:most], count))
    return {
        size: tuple(
            {name: array[start : start + size] for name, array in pool.items()}
            for start in range(0, count - size + 1, size)
        )
        for size in sizes
    }

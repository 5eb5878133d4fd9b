"""The classification extension: the largest values of an output, and what they stand for."""

import math
from typing import Any

import numpy as np

from tradewind.errors import RequestError
from tradewind.tensors import Array, Datatype, TensorSpec, describe


def classify(array: Array, spec: TensorSpec, count: int, classes: tuple[str, ...]) -> Array:
    """Return `value:index:name` of the largest values, the largest first.

    Of equal values the first counts as larger; NaN is smaller than everything.

    Args:
        array: what the model said; its first size counts examples where `spec` has it free.
        spec: of this output.
        count: how many to tell for each example; all when there are fewer.
        classes: the names, given only where there is one for each value of an example.

    Returns:
        object[N, count] of `str`, or object[count] for an output without a batch.
    """
    rows = len(array) if spec.has_free_batch else 1
    values = array.reshape(rows, math.prod(array.shape[1:]) if spec.has_free_batch else array.size)
    named = classes if len(classes) == values.shape[1] else ()
    found = np.empty((rows, min(count, values.shape[1])), object)
    for row, line in zip(found, values, strict=True):
        row[:] = [_told(line, index, named) for index in _largest(line, count)]
    return found if spec.has_free_batch else found[0]


def classes_wanted(value: object, spec: TensorSpec) -> int:
    """Return the parameter `classification` of a requested output.

    Raises:
        RequestError: it is no number above 0, or the output holds no numbers.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        where = f"{spec.name}.parameters.classification"
        raise RequestError(where, "a whole number above 0", f"{value!r}"[:80])
    if spec.datatype is Datatype.BYTES:
        got = describe(spec.datatype, spec.shape)
        raise RequestError(f"{spec.name}.parameters.classification", "an output of numbers", got)
    return value


def _largest(line: Array, count: int) -> Array:
    kind = line.dtype.kind
    if kind not in "biu":  # bfloat16 has a kind of its own
        line = line.astype(np.float64)
        line[np.isnan(line)] = -np.inf
    last = len(line) - 1
    order: Array = (last - np.argsort(line[::-1], kind="stable"))[::-1]
    return order[:count]


def _told(line: Array, index: Any, classes: tuple[str, ...]) -> str:
    found = f"{line[index]}:{index}"
    return f"{found}:{classes[index]}" if classes else found

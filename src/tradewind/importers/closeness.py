"""How far one answer is from another."""

import numpy as np

from tradewind.tensors import Array


def error_of(got: Array, wanted: Array) -> Array:
    """Return |got - wanted| / max(1, |wanted|) of every element.

    NaN equals NaN and infinity itself; otherwise, and for texts that differ, the error is
    infinite. Truth values are 0 and 1.

    Args:
        got: numbers or texts of any shape.
        wanted: of the same shape.
    """
    if got.dtype.kind in "OSU" or wanted.dtype.kind in "OSU":
        equal = np.array(
            [_text(a) == _text(b) for a, b in zip(got.ravel(), wanted.ravel(), strict=True)], bool
        )
        return np.where(equal, 0.0, np.inf).reshape(got.shape)
    numbers, target = got.astype(np.float64), wanted.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(numbers - target) / np.maximum(1.0, np.abs(target))
    same = (numbers == target) | (np.isnan(numbers) & np.isnan(target))
    return np.where(same, 0.0, np.where(np.isfinite(error), error, np.inf))


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)

"""What a label may be."""

import numpy as np

from tradewind.errors import DataError
from tradewind.tensors import Array


def as_labels(found: Array, where: str) -> Array:
    """Return labels in one of the three types they may have.

    Args:
        found: [n] or [n, 1] whole numbers, truth values, floats or strings.
        where: what to call them in messages.

    Returns:
        int64[n], float64[n], or object[n] of `str`.

    Raises:
        DataError: another type or shape, NaN, infinity or an empty string.
    """
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1:
        raise DataError(
            where,
            "one label for each example",
            f"an array of shape {list(found.shape)}",
            "of one-hot labels or probabilities keep `array.argmax(axis=1)`.",
        )
    if found.dtype.kind in "bu" or found.dtype.kind == "i":
        return found.astype(np.int64)
    if found.dtype.kind == "f":
        _refuse(where, ~np.isfinite(found), "finite numbers", "NaN or infinity")
        return found.astype(np.float64)
    if found.dtype.kind in "SUO":
        texts = [t.decode(errors="replace") if isinstance(t, bytes) else t for t in found.tolist()]
        wrong = np.array([not isinstance(text, str) or not text for text in texts], dtype=bool)
        _refuse(where, wrong, "strings", "an empty label or one that is no string")
        return np.array(texts, dtype=object)
    raise DataError(where, "whole numbers, floats or strings", str(found.dtype))


def as_groups(found: Array, where: str) -> Array:
    """Return to which group each example belongs.

    Args:
        found: [n] or [n, 1] whole numbers or strings, equal within a group.
        where: what to call them in messages.

    Returns:
        int64[n], counted from 0.

    Raises:
        DataError: another type or shape, an empty string, or all in one group.
    """
    named = as_labels(found, where)
    if named.dtype == np.float64:
        raise DataError(where, "whole numbers or strings", "fractions")
    values = named.astype(str) if named.dtype == object else named
    kinds, numbers = np.unique(values, return_inverse=True)
    if len(kinds) < 2:
        hint = "without `--group` every example counts by itself."
        raise DataError(where, "several groups", "one", hint)
    return np.asarray(numbers.reshape(-1), np.int64)


def check_labels(labels: Array, classes: int, where: str = "label") -> None:
    """Raise unless integer labels name classes of the model, more than one of them.

    Args:
        labels: [n], of any type.
        classes: how many classes the model tells apart.
        where: what to call the labels in messages.

    Raises:
        DataError: a label is no whole number, negative or too large, or all are the same.
    """
    if labels.dtype.kind not in "iu":
        raise DataError(
            where,
            f"class numbers 0..{classes - 1}",
            f"labels of type {'string' if labels.dtype == object else labels.dtype}",
            "replace each label by its position in the model's list of classes.",
        )
    _refuse(where, labels < 0, f"class numbers 0..{classes - 1}", "a negative label", labels)
    _refuse(
        where,
        labels >= classes,
        f"class numbers 0..{classes - 1}",
        "a label the model does not know",
        labels,
    )
    if len(np.unique(labels)) < 2:
        raise DataError(
            where,
            "at least two different classes",
            f"only class {labels[0]}" if len(labels) else "no labels",
            "nothing can be said about the others; add examples of them.",
        )


def _refuse(where: str, wrong: Array, expected: str, got: str, labels: Array | None = None) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        value = "" if labels is None else f" ({labels[row]})"
        raise DataError(where, expected, f"{got}{value} at example {row}")

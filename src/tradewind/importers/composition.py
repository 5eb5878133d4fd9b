"""What fitted estimators hold inside of each other."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

_DEEPEST = 30
_PARTS = ("_CalibratedClassifier",)
"""Classes of scikit-learn that hold estimators and are none."""


def everything_in(estimator: Any) -> Iterator[Any]:
    """Yield an estimator with all others that it holds, however deep, each once."""
    seen: set[int] = set()
    waiting = [(estimator, 0)]
    while waiting:
        part, depth = waiting.pop()
        if id(part) in seen or depth > _DEEPEST:
            continue
        seen.add(id(part))
        inner: list[Any] = []
        if isinstance(part, list | tuple):
            inner = list(part)
        elif isinstance(part, dict):
            inner = list(part.values())
        elif isinstance(part, np.ndarray) and part.dtype == object:
            inner = list(part.ravel())
        elif hasattr(part, "get_params") or type(part).__name__ in _PARTS:
            yield part
            inner = list(vars(part).values())
        waiting += [(one, depth + 1) for one in inner]


@contextlib.contextmanager
def votes_apart(estimator: Any) -> Iterator[None]:
    """Let `transform` of classifiers that vote keep the votes apart; afterwards it is as it was.

    skl2onnx converts no others, though what they predict is the same.
    """
    joined = [part for part in everything_in(estimator) if getattr(part, "flatten_transform", None)]
    try:
        for part in joined:
            part.flatten_transform = False
        yield
    finally:
        for part in joined:
            part.flatten_transform = True

"""How fast something went in several rounds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rate:
    """Work per second.

    Args:
        best: of all rounds. Whatever else runs on a machine only makes it slower, so that this is
            the nearest to what it can do.
        median: of all rounds; far below the best on a busy machine.
    """

    best: float
    median: float


def rate_of(rounds: Sequence[float]) -> Rate:
    """Return what several rounds say."""
    return Rate(float(max(rounds)), float(np.median(rounds)))

"""Small boosted trees that predict distances, grown without labels: the original is the truth."""

from dataclasses import dataclass

import numpy as np

from tradewind.runners.distance import DistancePredictor
from tradewind.tensors import Array

TREES, DEPTH = 24, 3
_RATE = 0.2  # of what is left, so much is added by each tree
_BINS = 16  # of examples, in which a bound may lie
_RIDGE = 10.0  # how strongly values are drawn to 0; in examples
_LEAST = 1e-3  # of the mean distance: below that, all are near


def fit_distance(columns: Array, distances: Array) -> DistancePredictor:
    """Return the rule that predicts best how far from the original's each answer is.

    Least squares on the logarithm of the distance, by boosting trees of which every level asks
    one question. Distances below the lowest tenth hardly differ: that is added to all.

    Args:
        columns: float64[n, columns], as `columns_of` returns them.
        distances: float64[n], 0 or more; one that is no number counts like the largest.

    Returns:
        The rule with a threshold of 0, which no answer reaches.

    Source: the symmetric trees of Prokhorenkova et al., CatBoost, NeurIPS 2018.
    """
    is_number = np.isfinite(distances)
    most = float(distances[is_number].max(initial=0.0))
    known = np.where(is_number, distances, most)
    floor = max(float(np.quantile(known, 0.1)), _LEAST * float(known.mean()), 1e-30)
    wanted = np.log(known + floor)
    bias = float(wanted.mean())
    left = wanted - bias
    asked = _Binned.of(columns)
    questions, values = list[tuple[int, float]](), list[float]()
    for _ in range(TREES):
        tree, places = asked.best_tree(left)
        if not tree:
            break
        count = np.bincount(places, minlength=1 << DEPTH)
        steps = _RATE * np.bincount(places, left, 1 << DEPTH) / (count + _RIDGE)
        left = left - steps[places]
        questions += tree
        values += steps.tolist()
    chosen, bounds = zip(*questions, strict=True) if questions else ((), ())
    return DistancePredictor(0.0, bias, DEPTH, tuple(chosen), tuple(bounds), tuple(values))


@dataclass(frozen=True, eq=False)
class _Binned:
    """Columns of which only matters between which bounds they lie.

    Args:
        bounds: of each column, ascending; between values that occur.
        bins: int64[n, columns], how many bounds each is above.
    """

    bounds: tuple[Array, ...]
    bins: Array

    @classmethod
    def of(cls, columns: Array) -> "_Binned":
        bounds = tuple(_bounds(column) for column in columns.T)
        pairs = zip(bounds, columns.T, strict=True)
        return cls(bounds, np.stack([np.searchsorted(own, column) for own, column in pairs], 1))

    def best_tree(self, left: Array) -> tuple[list[tuple[int, float]], Array]:
        """Return the questions of a tree with the place of each example; none where none helps.

        Args:
            left: float64[n], what is to be predicted.
        """
        places = np.zeros(len(left), np.int64)
        questions: list[tuple[int, float]] = []
        for level in range(DEPTH):
            gains = self._gains(left, places, 1 << level)
            column, bound = np.unravel_index(np.argmax(gains), gains.shape)
            if not np.isfinite(gains[column, bound]):
                return [], places  # no column has two values
            questions.append((int(column), float(self.bounds[column][bound])))
            places |= (self.bins[:, column] > bound).astype(np.int64) << level
        return questions, places

    def _gains(self, left: Array, places: Array, count: int) -> Array:
        """Return how much each bound of each column explains in all places together."""
        columns = len(self.bounds)
        shape = (count, columns, _BINS)
        size = count * columns * _BINS
        at = ((places[:, None] * columns + np.arange(columns)) * _BINS + self.bins).ravel()
        below = np.bincount(at, np.repeat(left, columns), size).reshape(shape).cumsum(2)
        many = np.bincount(at, minlength=size).reshape(shape).cumsum(2)
        above, others = below[:, :, -1:] - below, many[:, :, -1:] - many
        gains = (below**2 / (many + _RIDGE) + above**2 / (others + _RIDGE)).sum(axis=0)
        for column, bounds in enumerate(self.bounds):
            gains[column, len(bounds) :] = -np.inf
        return np.asarray(gains)


def _bounds(column: Array) -> Array:
    """Return up to 15 bounds between neighbouring values, with about as many between each two."""
    values = np.unique(column)
    if len(values) > _BINS:
        shares = np.arange(1, _BINS) / _BINS
        below = np.unique(np.quantile(column, shares, method="lower"))
        at = np.minimum(np.searchsorted(values, below), len(values) - 2)
    else:
        at = np.arange(len(values) - 1)
    low, high = values[at], values[at + 1]
    with np.errstate(invalid="ignore", over="ignore"):
        middle = low + (high - low) / 2
    # rounding must not lift a bound to the value above it; infinity has no middle
    is_between = (middle >= low) & (middle < high)
    return np.unique(np.where(is_between, middle, np.maximum(low, -np.finfo(np.float64).max)))

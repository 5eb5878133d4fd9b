"""Which range of values the 256 steps of int8 are spent on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx

from tradewind.model import Model
from tradewind.passes.contract import Observed
from tradewind.passes.quantization.histograms import Counts, Edges, Histogram
from tradewind.passes.quantization.watching import MOST_BYTES, watch
from tradewind.tensors import Array

Calibration = Literal["minmax", "percentile", "entropy", "mse"]
"""How much of the tails is given up for finer steps."""

Floats = npt.NDArray[np.float64]

_FARTHEST = 1e8
"""Magnitude beyond which a value stands for infinity."""
_STEPS = 255  # intervals between 256 whole numbers
_LEVELS = 128
"""Levels that a clipped distribution is quantized to where ranges are chosen by entropy; half of
256 because ranges are symmetric there, and most activations have one sign."""
_CANDIDATES = 128
"""Ranges that are compared; finer than this, the differences drown in the noise of the data."""


@dataclass(frozen=True)
class Rule:
    """How a histogram becomes a range."""

    calibration: Calibration
    percentile: float  # share of values kept, in percent
    is_symmetric: bool  # whether zero is in the middle

    def range_of(self, seen: Histogram) -> tuple[float, float]:
        """Return the lowest and the highest value that get a step of their own.

        What lies outside is clipped. Never wider than what was seen; (0, 0) where nothing was.
        """
        if not seen.total:
            return 0.0, 0.0
        low, high = self._chosen(seen)
        low, high = max(low, seen.lowest), min(high, seen.highest)
        if low > high:  # a bin beyond the values it holds
            low, high = seen.lowest, seen.highest
        if self.is_symmetric:
            high = max(abs(low), abs(high))
            low = -high
        return low, high

    def _chosen(self, seen: Histogram) -> tuple[float, float]:
        if self.calibration == "minmax":
            return seen.lowest, seen.highest
        counts, edges = seen.counted()
        if self.calibration == "percentile":
            return _by_percentile(counts, edges, self.percentile, self.is_symmetric)
        if self.calibration == "entropy":
            return _by_entropy(counts, edges)
        return _by_error(seen, self.is_symmetric)


@dataclass(frozen=True)
class Ranges:
    """The range of every tensor that may be quantized."""

    histograms: dict[str, Histogram]
    rule: Rule

    def pairs(self) -> dict[str, tuple[Array, Array]]:
        """Return the lowest and the highest value by name, in the type of the tensor."""
        return {
            name: _pair(self.rule.range_of(seen), seen.dtype)
            for name, seen in self.histograms.items()
        }

    def unbounded(self, proto: onnx.ModelProto) -> set[str]:
        """Return the nodes that read or write values too far from zero to share a range.

        Masks of attention add -1e9 or minus infinity to scores between -20 and 20; 256 steps
        from there to here are one step for all scores.
        """
        far = {
            name
            for name, seen in self.histograms.items()
            if seen.infinite or max(-seen.lowest, seen.highest) > _FARTHEST
        }
        return {node.name for node in proto.graph.node if far & {*node.input, *node.output}}


def observed_ranges(
    model: Model,
    proto: onnx.ModelProto,
    seen: Observed,
    rule: Rule,
    nodes: Iterable[onnx.NodeProto],
    most_bytes: int = MOST_BYTES,
) -> Ranges:
    """Return the range of every tensor that some nodes read or write.

    Args:
        model: what `proto` was made from, for its signature and its name.
        proto: the graph that is run.
        seen: the inputs.
        rule: how ranges follow from what was seen.
        nodes: those of the graph that may be quantized.
        most_bytes: activations that may be alive at once.

    Raises:
        PassError: the graph does not run, or there are too few examples.
    """
    found: dict[str, Histogram] = {}

    def count(name: str, values: Array) -> None:
        found.setdefault(name, Histogram()).add(values)

    weights = {tensor.name for tensor in proto.graph.initializer}
    names = dict.fromkeys(name for node in nodes for name in (*node.input, *node.output))
    wanted = [name for name in names if name and name not in weights]
    watch(model, proto, seen, wanted, count, most_bytes)
    return Ranges({name: seen for name, seen in found.items() if seen.dtype.itemsize <= 4}, rule)


def _pair(range_: tuple[float, float], dtype: np.dtype[Any]) -> tuple[Array, Array]:
    return np.array(range_[0], dtype), np.array(range_[1], dtype)


def _by_percentile(
    counts: Counts, edges: Edges, percentile: float, is_symmetric: bool
) -> tuple[float, float]:
    """Return edges outside of which lie (100 - percentile) % of the values, half on each side."""
    below = np.cumsum(counts) / counts.sum()
    cut = (100.0 - percentile) / 200.0
    if is_symmetric:
        counts, ends = _folded(counts, edges)
        inside = np.cumsum(counts) / counts.sum()
        reach = float(ends[min(int(np.searchsorted(inside, 1 - 2 * cut)), len(counts) - 1)])
        return -reach, reach
    last = len(counts) - 1
    left = min(int(np.searchsorted(below, cut)), last)
    right = min(int(np.searchsorted(below, 1.0 - cut)), last)
    return float(edges[left]), float(edges[right + 1])


def _folded(counts: Counts, edges: Edges) -> tuple[Counts, Edges]:
    """Return how often each magnitude occurs: counts, with the outer edge of each bin."""
    width = edges[1] - edges[0]
    numbers = np.rint(edges[:-1] / width).astype(np.int64)
    magnitudes = np.where(numbers >= 0, numbers, -numbers - 1)
    joined = np.bincount(magnitudes, weights=counts).astype(np.int64)
    return joined, (np.arange(len(joined)) + 1) * width


def _by_entropy(counts: Counts, edges: Edges) -> tuple[float, float]:
    """Return the range around zero that loses the least information.

    For each reach r, p is the distribution clipped to [-r, r] and q the same one quantized to
    128 levels; the r with the least Kullback-Leibler divergence KL(p || q) wins.

    Source: Migacz, 8-bit inference with TensorRT, GTC 2017.
    """
    width = edges[1] - edges[0]
    numbers = np.rint(edges[:-1] / width).astype(np.int64)
    half = int(max(-numbers[0], numbers[-1] + 1))  # bins on one side
    whole = np.zeros(2 * half, np.int64)
    whole[numbers + half] = counts
    # so few different values are no distribution: clipping some of them would gain nothing
    if half <= _LEVELS // 2 or np.count_nonzero(counts) <= _LEVELS:
        return -half * width, half * width
    reaches = np.unique(np.linspace(_LEVELS // 2, half, _CANDIDATES).astype(np.int64))
    losses = [_divergence(whole, half - reach, half + reach) for reach in reaches]
    reach = float(reaches[int(np.argmin(losses))] * width)
    return -reach, reach


def _divergence(whole: Counts, start: int, end: int) -> float:
    """Return KL(p || q) of `whole` clipped to the bins from `start` to `end`."""
    inside = whole[start:end]
    p = inside.astype(np.float64)
    p[0] += whole[:start].sum()
    p[-1] += whole[end:].sum()
    groups = np.minimum(np.arange(len(p)) // max(len(p) // _LEVELS, 1), _LEVELS - 1)
    filled = p > 0
    sums = np.bincount(groups, weights=inside)
    sizes = np.bincount(groups, weights=filled)
    q = np.where(filled, (sums / np.maximum(sizes, 1))[groups], 0.0)
    if not q.sum():
        return float("inf")
    p, q = p / p.sum(), q / q.sum()
    # where clipping alone filled a bin, q has nothing: a ten-thousandth stands for it
    q = np.maximum(q, 1e-4 / len(q))
    return float(np.sum(p[filled] * np.log(p[filled] / q[filled])))


def _by_error(seen: Histogram, is_symmetric: bool) -> tuple[float, float]:
    """Return the range with the least expected squared error.

    error(low, high) = inside * step**2 / 12 + sum of (value - nearest bound)**2 outside,
    step = (high - low) / 255. Exact zeros cost nothing: they always have a step of their own.

    Source: Banner et al., NeurIPS 2019 (ACIQ), with the histogram in place of a Laplace prior.
    """
    counts, edges = seen.counted()
    middles = (edges[:-1] + edges[1:]) / 2
    weights = counts.astype(np.float64)
    zero = int(np.searchsorted(edges, 0.0, side="right")) - 1
    if 0 <= zero < len(weights):
        weights[zero] -= seen.zeros
    low, high = min(seen.lowest, 0.0), max(seen.highest, 0.0)
    shares = np.linspace(1, _CANDIDATES, _CANDIDATES) / _CANDIDATES
    if is_symmetric:
        low, high = -max(-low, high), max(-low, high)
    # first both ends together, then each alone
    low, high = _least(middles, weights, low * shares, high * shares)
    if not is_symmetric:
        for _ in range(2):
            lows = min(seen.lowest, 0.0) * shares
            low, high = _least(middles, weights, lows, np.full_like(shares, high))
            highs = max(seen.highest, 0.0) * shares
            low, high = _least(middles, weights, np.full_like(shares, low), highs)
    return low, high


def _least(middles: Floats, weights: Floats, lows: Floats, highs: Floats) -> tuple[float, float]:
    """Return the pair of bounds, lows[i] and highs[i], with the least error."""
    under = np.maximum(lows[:, None] - middles, 0.0)
    over = np.maximum(middles - highs[:, None], 0.0)
    inside = ((under + over) == 0.0) @ weights
    steps = (highs - lows) / _STEPS
    errors = inside * steps**2 / 12 + (under**2 + over**2) @ weights
    # the widest of equals: data that was not seen may reach further
    best = len(errors) - 1 - int(np.argmin(errors[::-1]))
    return float(lows[best]), float(highs[best])

import numpy as np
import pytest

from tradewind.passes.quantization.histograms import Histogram


def _counted(batches: list[np.ndarray], bins: int = 256) -> Histogram:
    found = Histogram(bins)
    for batch in batches:
        found.add(batch)
    return found


@pytest.mark.parametrize("growth", [1.0, 3.0, 1e4, 1e-4])
def test_counts_are_exact_however_the_range_grows(
    growth: float, random: np.random.Generator
) -> None:
    batches = [
        (random.standard_normal(500) * growth**step + random.normal()).astype(np.float32)
        for step in range(5)
    ]
    found = _counted(batches)
    counts, edges = found.counted()
    everything = np.concatenate(batches).astype(np.float64)
    expected = np.histogram(everything, np.append(edges[:-1], np.nextafter(edges[-1], np.inf)))[0]
    # values on an inner edge belong to the bin above it, here as in numpy
    np.testing.assert_array_equal(counts, expected)
    assert found.total == everything.size
    assert (found.lowest, found.highest) == (everything.min(), everything.max())
    assert len(counts) <= 256
    assert edges[0] <= min(0, everything.min())
    assert everything.max() <= edges[-1]


def test_at_least_a_quarter_of_the_bins_lie_in_the_range(random: np.random.Generator) -> None:
    for scale in random.lognormal(0, 5, 50):
        counts, _ = _counted([random.uniform(-1, 1, 300) * scale]).counted()
        assert len(counts) >= 64


def test_the_order_of_batches_changes_only_the_width(random: np.random.Generator) -> None:
    batches = [random.normal(0, scale, 300).astype(np.float32) for scale in (1, 0.01, 50)]
    one, other = _counted(batches), _counted(batches[::-1])
    assert one.total == other.total
    assert (one.lowest, one.highest) == (other.lowest, other.highest)
    assert one.zeros == other.zeros == 0


def test_values_that_are_not_finite_are_in_no_bin() -> None:
    found = _counted([np.array([1.0, np.nan, -np.inf, 0.0], np.float32)])
    assert (found.total, found.infinite, found.zeros) == (2, 2, 1)
    assert (found.lowest, found.highest) == (0.0, 1.0)
    assert _counted([np.array([np.inf], np.float32)]).total == 0


@pytest.mark.parametrize("value", [0.0, 3.0, -1e-30, 1e30])
def test_a_constant_has_a_bin_of_its_own(value: float) -> None:
    found = _counted([np.full(7, value, np.float32)])
    counts, edges = found.counted()
    assert counts[counts > 0].tolist() == [7]
    place = int(np.flatnonzero(counts)[0])
    assert edges[place] <= np.float32(value) <= edges[place + 1]


def test_nothing_counted_is_no_range() -> None:
    found = _counted([np.zeros((0, 3), np.float32)])
    counts, edges = found.counted()
    assert (counts.tolist(), len(edges), found.total) == ([0], 2, 0)

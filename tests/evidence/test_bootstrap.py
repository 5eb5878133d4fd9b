import numpy as np

from tradewind.evidence import paired_bootstrap
from tradewind.tensors import Array


def test_the_interval_of_a_mean_is_about_that_of_the_normal(random: np.random.Generator) -> None:
    values = random.standard_normal(400)
    found = paired_bootstrap(
        lambda weights: float(weights @ values / weights.sum()),
        lambda weights: float(weights @ (values - 0.5) / weights.sum()),
        len(values),
        random,
    )
    error = 1.96 * values.std() / np.sqrt(len(values))
    np.testing.assert_allclose(found.before.value, values.mean())
    # ends drawn from 500 repeats are off by a tenth of their distance or so
    assert abs((found.before.high - found.before.low) / (2 * error) - 1) < 0.35
    assert found.before.low < found.before.value < found.before.high


def test_what_both_share_cancels_out_of_the_drop(random: np.random.Generator) -> None:
    values = random.standard_normal(100)
    found = paired_bootstrap(
        lambda weights: float(weights @ values / weights.sum()),
        lambda weights: float(weights @ (values - 0.5) / weights.sum()),
        len(values),
        random,
    )
    np.testing.assert_allclose([found.drop.value, found.drop.low, found.drop.high], 0.5, atol=1e-12)


def test_groups_are_drawn_as_a_whole(random: np.random.Generator) -> None:
    groups = np.repeat(random.permutation(20), 30)
    values = np.repeat(random.standard_normal(20), 30)[:600]

    def mean(weights: Array) -> float:
        return float(weights @ values / weights.sum())

    alone = paired_bootstrap(mean, mean, 600, random).before
    together = paired_bootstrap(mean, mean, 600, random, groups).before
    # thirty times fewer draws: the interval is some 5.5 times as wide
    assert together.high - together.low > 3 * (alone.high - alone.low)


def test_draws_in_which_the_figure_is_not_defined_are_left_out(random: np.random.Generator) -> None:
    def often_unknown(weights: Array) -> float:
        return float(weights[0]) if weights[0] else np.nan

    found = paired_bootstrap(often_unknown, often_unknown, 5, random).after
    assert found.low >= 1
    unknown = paired_bootstrap(lambda _: np.nan, lambda _: np.nan, 5, random).drop
    assert np.isnan(unknown.low)

import numpy as np
import pytest
from scipy import stats

from tradewind.errors import SettingError
from tradewind.evidence import agreement_p_value, disagreement_upper_bound


@pytest.mark.parametrize("n", [1, 10, 400, 50_000])
def test_upper_bound_equals_clopper_pearson_by_scipy(n: int, random: np.random.Generator) -> None:
    for k in {0, n, *random.integers(0, n + 1, 10).tolist()}:
        interval = stats.binomtest(k, n, alternative="less").proportion_ci(0.95, method="exact")
        # scipy's own root search stops at about 1e-12
        assert disagreement_upper_bound(k, n, 0.95) == pytest.approx(interval.high, abs=1e-10)


@pytest.mark.parametrize("n", [1, 10, 400, 50_000])
def test_p_value_equals_the_binomial_test_by_scipy(n: int, random: np.random.Generator) -> None:
    for k in {0, n, *random.integers(0, n // 10 + 1, 10).tolist()}:
        expected = stats.binomtest(k, n, 0.03, alternative="less").pvalue
        assert agreement_p_value(k, n, 0.03) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_level_holds_for_every_disagreement_beyond_the_margin() -> None:
    n, max_drop = 500, 0.02
    certified = [k for k in range(n) if agreement_p_value(k, n, max_drop) <= 0.05]
    for disagreement in np.linspace(max_drop, 0.2, 50):
        assert stats.binom.cdf(max(certified), n, disagreement) <= 0.05


def test_p_value_is_small_just_when_the_bound_is_below_the_margin() -> None:
    for k in range(40):
        bound = disagreement_upper_bound(k, 1000, 0.95)
        assert (agreement_p_value(k, 1000, 0.02) <= 0.05) == (bound <= 0.02)


@pytest.mark.parametrize(
    ("k", "n", "max_drop", "where"),
    [
        (-1, 5, 0.1, "disagreements"),
        (6, 5, 0.1, "disagreements"),
        (0, 0, 0.1, "n"),
        (0, 5, 0.0, "max_drop"),
        (0, 5, 1.0, "max_drop"),
    ],
)
def test_arguments_outside_their_range_are_refused(
    k: int, n: int, max_drop: float, where: str
) -> None:
    with pytest.raises(SettingError) as refused:
        agreement_p_value(k, n, max_drop)
    assert refused.value.where == where

from collections.abc import Iterator

import numpy as np
import pytest

from tradewind.errors import SettingError
from tradewind.evidence import fixed_sequence


@pytest.mark.parametrize(
    ("p_values", "rejected"),
    [([], 0), ([0.2, 0.001], 0), ([0.05], 1), ([0.01, 0.04, 0.06, 0.0], 2), ([0.0, 0.0], 2)],
)
def test_leading_small_p_values_are_counted(p_values: list[float], rejected: int) -> None:
    assert fixed_sequence(p_values, 0.05) == rejected


def test_nothing_after_the_first_failure_is_computed() -> None:
    computed: list[float] = []

    def p_values() -> Iterator[float]:
        for p_value in (0.01, 0.5, 0.02):
            computed.append(p_value)
            yield p_value

    fixed_sequence(p_values(), 0.05)
    assert computed == [0.01, 0.5]


def test_any_false_rejection_is_as_rare_as_promised(random: np.random.Generator) -> None:
    runs, false_from = 20_000, 3
    p_values = random.random((runs, 10))
    p_values[:, :false_from] *= 0.01
    wrong = np.mean([fixed_sequence(row, 0.05) > false_from for row in p_values])
    # four standard errors of a share of 0.05 in 20,000 runs: a false alarm in 30,000
    assert abs(wrong - 0.05) <= 4.0 * np.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, float("nan")])
def test_an_alpha_outside_its_range_is_refused(alpha: float) -> None:
    with pytest.raises(SettingError, match="alpha"):
        fixed_sequence([0.01], alpha)


def test_a_number_that_is_no_p_value_is_refused() -> None:
    with pytest.raises(SettingError, match=r"p_values\[1\]"):
        fixed_sequence([0.01, float("nan")], 0.05)

"""The test of any bounded loss: its level, its bound, its power, and groups."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from tradewind.errors import SettingError
from tradewind.evidence import (
    PairedCounts,
    PairedLosses,
    certify_losses,
    is_non_inferior,
    losses_examples_needed,
    losses_p_value,
    losses_upper_bound,
)

Draw = Callable[[np.random.Generator, int], npt.NDArray[np.float64]]


def beta(random: np.random.Generator, n: int) -> npt.NDArray[np.float64]:
    """Losses that shift by 0.05 on average."""
    return random.beta(2.1, 1.9, n) - random.beta(1.9, 2.1, n)


def rare(random: np.random.Generator, n: int) -> npt.NDArray[np.float64]:
    """One example in twenty is lost wholly: the worst that a mean of 0.05 can be."""
    return (random.random(n) < 0.05).astype(np.float64)


def mixed(random: np.random.Generator, n: int) -> npt.NDArray[np.float64]:
    """Small changes everywhere, and large ones in a tenth of the examples."""
    large = random.random(n) < 0.1
    return np.where(large, random.uniform(-0.5, 0.9, n), random.uniform(-0.1, 0.1, n)) + 0.03


@pytest.mark.parametrize("draw", [beta, rare, mixed])
def test_level_holds_where_the_drop_is_the_margin(draw: Draw, random: np.random.Generator) -> None:
    runs, n, margin = 3000, 400, 0.05
    drawn = (PairedLosses(draw(random, n)) for _ in range(runs))
    rejected = sum(losses_p_value(losses, margin) <= 0.05 for losses in drawn)
    print(f"rejected {rejected / runs:.4f}")
    # four standard errors: a false alarm in 30,000
    assert rejected / runs <= 0.05 + 4.0 * math.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize(
    ("low", "high", "margin"),
    [(-0.2, 0.21, 0.02), (-0.05, 0.06, 0.02), (-0.02, 0.03, 0.02), (-0.9, 0.9, 0.1)],
)
def test_the_number_that_is_advised_does(
    low: float, high: float, margin: float, random: np.random.Generator
) -> None:
    drop, variance = (low + high) / 2, (high - low) ** 2 / 12
    n = losses_examples_needed(variance, drop, margin, 0.95)
    assert n is not None
    for count, least, most in ((n, 0.75, 1.0), (n // 2, 0.0, 0.75)):
        runs = 400
        found = sum(
            losses_p_value(PairedLosses(random.uniform(low, high, count)), margin) <= 0.05
            for _ in range(runs)
        )
        print(f"n={count}: certified {found / runs:.3f}")
        assert least <= found / runs <= most


def test_no_number_helps_against_a_drop_that_is_there() -> None:
    assert losses_examples_needed(0.01, 0.05, 0.05, 0.95) is None


def test_p_never_rises_with_the_margin_and_the_bound_lies_where_it_crosses(
    random: np.random.Generator,
) -> None:
    for _ in range(20):
        losses = PairedLosses(mixed(random, int(random.integers(30, 2000))) - 0.05)
        bound = losses_upper_bound(losses, 0.05, 0.95)
        certificate = certify_losses(losses, 0.05, 0.95, "error:1")
        assert certificate.certified == (certificate.p_value <= 0.05)
        assert certificate.certified == (bound <= 0.05)
        assert certificate.certified == (certificate.examples_needed is None) or (
            losses.drop >= 0.05
        )
        assert certificate.drop <= certificate.drop_upper


def test_a_group_counts_once_however_large(random: np.random.Generator) -> None:
    differences = np.array([1.0, 0.0, 0.5, -1.0, 0.0, 0.0])
    losses = PairedLosses.by_group(differences, np.array([7, 7, 3, 3, 9, 7]))
    assert losses.differences.tolist() == [1 / 3, -0.25, 0.0]
    assert (losses.n, losses.worse, losses.better, losses.unit) == (3, 1, 1, "group")


def test_examples_that_are_lost_together_are_no_evidence_one_by_one(
    random: np.random.Generator,
) -> None:
    groups, size, margin, runs = 150, 20, 0.05, 400
    singly = together = 0
    for _ in range(runs):
        chance = random.random(groups)
        lost = np.where(chance < 0.06, 1.0, np.where(chance > 0.99, -1.0, 0.0))
        examples = np.repeat(lost, size)
        counts = PairedCounts(groups * size, int((examples > 0).sum()), int((examples < 0).sum()))
        singly += is_non_inferior(counts, margin, 0.95)
        losses = PairedLosses.by_group(examples, np.repeat(np.arange(groups), size))
        together += losses_p_value(losses, margin) <= 0.05
    print(f"certified one by one {singly / runs:.3f}, by group {together / runs:.3f}")
    assert singly / runs > 0.2
    assert together / runs <= 0.05 + 4.0 * math.sqrt(0.05 * 0.95 / runs)


def test_repeating_every_example_of_a_group_shows_nothing_more(
    random: np.random.Generator,
) -> None:
    values = mixed(random, 300)
    groups = np.arange(300)
    once = PairedLosses.by_group(values, groups)
    often = PairedLosses.by_group(np.repeat(values, 9), np.repeat(groups, 9))
    assert losses_p_value(often, 0.1) == pytest.approx(losses_p_value(once, 0.1), rel=1e-9)


@pytest.mark.parametrize("wrong", [[], [1.5], [math.nan], [[0.1]]])
def test_differences_that_are_none_are_refused(wrong: list[float]) -> None:
    with pytest.raises(SettingError, match=r"numbers in \[-1, 1\]"):
        PairedLosses(np.array(wrong, np.float64))

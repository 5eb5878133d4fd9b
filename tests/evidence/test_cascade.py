import math

import numpy as np
import pytest

from tradewind.errors import SettingError
from tradewind.evidence import (
    CertifiedThreshold,
    certify_agreement,
    certify_threshold,
    certify_threshold_with_labels,
)

RUNS = 1500
SLACK = 4 * math.sqrt(0.05 * 0.95 / RUNS)
"""A share that is 5% in truth lies further above it once in 30,000 simulations."""

GRID = np.linspace(0.95, 0.05, 19)


def _drawn(
    random: np.random.Generator, n: int, max_drop: float, sharpness: float, least: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a stage whose P(sure at t and different) is `max_drop` at t = least exactly.

    The confidence is uniform; the stage differs with probability a * (1 - confidence)**sharpness.
    """
    confidences = random.uniform(size=n)
    reached = (1 - least) ** (sharpness + 1) / (sharpness + 1)
    share = min(1.0, max_drop / reached)
    return confidences, random.uniform(size=n) < share * (1 - confidences) ** sharpness


def _true_loss(threshold: float, max_drop: float, sharpness: float, least: float) -> float:
    reached = (1 - least) ** (sharpness + 1) / (sharpness + 1)
    share = min(1.0, max_drop / reached)
    return float(share * (1 - threshold) ** (sharpness + 1) / (sharpness + 1))


@pytest.mark.parametrize("n", [300, 1500])
@pytest.mark.parametrize(("sharpness", "least"), [(1.0, 0.7), (1.0, 0.5), (3.0, 0.25)])
def test_a_threshold_that_loses_too_much_is_certified_in_five_of_a_hundred_cases(
    n: int, sharpness: float, least: float, random: np.random.Generator
) -> None:
    max_drop, wrong = 0.02, 0
    for _ in range(RUNS):
        confidences, differs = _drawn(random, n, max_drop, sharpness, least)
        found = certify_threshold(confidences, differs, GRID.tolist(), max_drop, 0.95)
        if math.isfinite(found.threshold):
            loses = _true_loss(found.threshold, max_drop, sharpness, least)
            wrong += loses >= max_drop * (1 - 1e-9)
    print(f"n={n} least={least}: {wrong / RUNS:.4f} of 0.05")
    assert wrong / RUNS <= 0.05 + SLACK


def test_level_is_used_where_a_threshold_lies_on_the_edge(random: np.random.Generator) -> None:
    wrong = 0
    for _ in range(RUNS):
        confidences, differs = _drawn(random, 1500, 0.02, 1.0, 0.5)
        found = certify_threshold(confidences, differs, GRID.tolist(), 0.02, 0.95)
        wrong += found.threshold <= 0.5 + 1e-9
    # a test that never errs shows nothing either
    assert wrong / RUNS >= 0.02


def test_level_holds_with_labels(random: np.random.Generator) -> None:
    n, runs, wrong = 600, 400, 0
    slack = 4 * math.sqrt(0.05 * 0.95 / runs)
    for _ in range(runs):
        confidences, differs = _drawn(random, n, 0.03, 1.0, 0.5)
        original = random.uniform(size=n) < 0.9
        # where they differ, one of them is right; more often the original, by 0.03 in total
        gains = random.uniform(size=n) < 0.2
        right = np.where(differs, np.where(original, False, gains), original)
        found = certify_threshold_with_labels(
            confidences, original, right, GRID.tolist(), _drop_at(0.5), 0.95
        )
        wrong += found.threshold <= 0.5 + 1e-9
    print(f"with labels: {wrong / runs:.4f} of 0.05")
    assert wrong / runs <= 0.05 + slack


def _drop_at(threshold: float) -> float:
    """Return the true drop of the simulation with labels: 0.9 lost less 0.1 * 0.2 gained."""
    return _true_loss(threshold, 0.03, 1.0, 0.5) * (0.9 - 0.1 * 0.2)


def test_the_lowest_threshold_that_passes_is_found() -> None:
    confidences = np.linspace(0.0, 0.999, 1000)
    differs = confidences < 0.2
    found = certify_threshold(confidences, differs, [0.9, 0.5, 0.21, 0.1, 0.05], 0.01, 0.95)
    assert found.threshold == 0.21
    assert found.escalated == pytest.approx(0.21, abs=0.002)
    assert found.certificate == certify_agreement(0, 1000, 0.01, 0.95)
    assert found.refused == 0.1


def test_nothing_below_the_first_failure_is_tested(random: np.random.Generator) -> None:
    confidences = random.uniform(size=500)
    original = np.ones(500, np.bool_)
    original[confidences < 0.3] = False
    # loses between 0.8 and 0.9 only, and makes more than good for it below 0.3
    stage = (confidences < 0.8) | (confidences > 0.9)
    found = certify_threshold_with_labels(
        confidences, original, stage, [0.95, 0.8, 0.0], 0.05, 0.95
    )
    assert found.threshold == 0.95
    assert found.refused == 0.8


def test_where_nothing_passes_everything_escalates() -> None:
    found = certify_threshold(np.linspace(0, 1, 50), np.ones(50, np.bool_), [0.9, 0.5], 0.01, 0.95)
    assert found.threshold == math.inf
    assert found.escalated == 1.0
    assert found.certificate is None


def test_without_thresholds_everything_escalates() -> None:
    found = certify_threshold(np.ones(500), np.zeros(500, np.bool_), [], 0.01, 0.95)
    assert found == CertifiedThreshold(math.inf, 1.0, None, None)


def test_what_is_no_number_is_never_sure() -> None:
    confidences = np.where(np.arange(600) < 300, np.nan, 1.0)
    found = certify_threshold(confidences, np.arange(600) < 300, [0.5], 0.01, 0.95)
    assert found.threshold == 0.5
    assert found.escalated == 0.5


@pytest.mark.parametrize(
    ("confidences", "differs", "thresholds", "max_drop"),
    [
        (np.ones(3), np.zeros(3, np.bool_), [0.1, 0.2], 0.01),
        (np.ones(3), np.zeros(2, np.bool_), [0.1], 0.01),
        (np.ones(3), np.zeros(3), [0.1], 0.01),
        (np.ones((3, 1)), np.zeros((3, 1), np.bool_), [0.1], 0.01),
        (np.ones(0), np.zeros(0, np.bool_), [0.1], 0.01),
        (np.ones(3), np.zeros(3, np.bool_), [0.1], 0.0),
    ],
)
def test_what_does_not_fit_is_refused(
    confidences: np.ndarray, differs: np.ndarray, thresholds: list[float], max_drop: float
) -> None:
    with pytest.raises(SettingError):
        certify_threshold(confidences, differs, thresholds, max_drop, 0.95)

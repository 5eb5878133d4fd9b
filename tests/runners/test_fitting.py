import numpy as np
import pytest

from tradewind.runners import Scores, fit_agreement, fit_margin, fit_temperature
from tradewind.runners.confidence import softmax

SCORES = Scores("y")


def _drawn(
    random: np.random.Generator, n: int, classes: int, temperature: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw logits and classes for which softmax(logits / temperature) is the truth."""
    logits = random.normal(size=(n, classes)) * 4
    shares = softmax(logits / temperature)
    wanted = (shares.cumsum(axis=1) < random.uniform(size=(n, 1))).sum(axis=1)
    return logits, np.minimum(wanted, classes - 1)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
@pytest.mark.parametrize("classes", [2, 10])
def test_the_true_temperature_is_found(
    temperature: float, classes: int, random: np.random.Generator
) -> None:
    logits, wanted = _drawn(random, 20_000, classes, temperature)
    # the error of a maximum-likelihood estimate from 20,000 examples is below 2%; five of them
    assert fit_temperature(logits, wanted) == pytest.approx(temperature, rel=0.1)


def test_no_other_temperature_is_likelier(random: np.random.Generator) -> None:
    logits, wanted = _drawn(random, 400, 5, float(random.uniform(0.3, 5)))

    def loss(temperature: float) -> float:
        shares = softmax(logits / temperature)[np.arange(len(wanted)), wanted]
        return float(-np.log(shares).mean())

    found = fit_temperature(logits, wanted)
    grid = np.geomspace(0.05, 20, 400)
    assert loss(found) <= min(map(loss, grid)) + 1e-6


def test_where_all_answers_agree_the_temperature_stays_in_its_range(
    random: np.random.Generator,
) -> None:
    logits = random.normal(size=(200, 4))
    assert fit_temperature(logits, logits.argmax(axis=1)) == pytest.approx(0.05, rel=1e-3)
    assert fit_temperature(logits, logits.argmin(axis=1)) == pytest.approx(20, rel=1e-3)
    assert fit_temperature(np.zeros((5, 3)), np.zeros(5, np.int64)) > 0


def test_the_temperature_does_not_change_the_order_of_two_classes(
    random: np.random.Generator,
) -> None:
    logits, wanted = _drawn(random, 500, 2, 2.0)
    rule = fit_margin(SCORES, logits, wanted)
    order = np.argsort(np.abs(logits[:, 0] - logits[:, 1]))
    assert (np.diff(rule.rate(logits)[order]) >= 0).all()


def test_a_prediction_separates_what_agrees(random: np.random.Generator) -> None:
    logits, wanted = _drawn(random, 6000, 8, 1.5)
    agrees = logits.argmax(axis=1) == wanted
    rule = fit_agreement(SCORES, logits[:3000], agrees[:3000])
    found, truth = rule.rate(logits[3000:]), agrees[3000:]
    # truthful: within each fifth of the predictions as many agree as were predicted
    for part in np.array_split(np.argsort(found), 5):
        spread = np.sqrt(0.25 / len(part))
        assert abs(found[part].mean() - truth[part].mean()) < 5 * spread


def test_a_prediction_is_finite_where_a_threshold_separates(random: np.random.Generator) -> None:
    logits = random.normal(size=(300, 4))
    ranked = np.sort(logits, axis=1)
    gap = ranked[:, -1] - ranked[:, -2]
    for agrees in (gap > 0.5, np.ones(300, np.bool_), np.zeros(300, np.bool_)):
        rule = fit_agreement(SCORES, logits, agrees)
        assert np.isfinite(rule.weights).all()
        assert np.isfinite(rule.rate(logits)).all()
    rule = fit_agreement(SCORES, logits, gap > 0.5)
    assert ((rule.rate(logits) > 0.5) == (gap > 0.5)).mean() > 0.97


def test_a_prediction_of_what_never_changes_is_its_share() -> None:
    agrees = np.arange(100) < 80
    rule = fit_agreement(SCORES, np.zeros((100, 3)), agrees)
    assert rule.rate(np.zeros((1, 3)))[0] == pytest.approx(0.8, abs=0.01)

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    roc_auc_score,
)
from tests.search.stage import two_classes

from tradewind.errors import SettingError
from tradewind.measure import FIGURES, check_reports, figure, parse_metric
from tradewind.tensors import Array


def _softmax(logits: Array) -> Array:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _drawn(random: np.random.Generator, classes: int) -> tuple[Array, Array, Array]:
    """Return logits with ties, labels of every class, and whole weights."""
    labels = np.concatenate([np.arange(classes), random.integers(classes, size=200)])
    logits = random.standard_normal((len(labels), classes))
    logits[np.arange(len(labels)), labels] += 1.0
    weights = random.integers(0, 4, len(labels)).astype(np.float64)
    weights[:classes] = 1  # each class is there
    return np.round(logits, 1), labels, weights


@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
def test_two_classes_are_judged_as_scikit_learn_does(
    weighted: bool, random: np.random.Generator
) -> None:
    logits, labels, drawn = _drawn(random, 2)
    weights = drawn if weighted else np.ones(len(labels))
    score, said = logits[:, 1] - logits[:, 0], logits.argmax(axis=1)
    expected = {
        "auc": roc_auc_score(labels, score, sample_weight=weights),
        "average-precision": average_precision_score(labels, score, sample_weight=weights),
        "f1": f1_score(labels, said, sample_weight=weights),
        "balanced-accuracy": balanced_accuracy_score(labels, said, sample_weight=weights),
    }
    assert expected.keys() == FIGURES.keys()
    for name, value in expected.items():
        assert figure(name, logits, labels)(weights) == pytest.approx(value, abs=1e-12)


def test_several_classes_are_judged_as_scikit_learn_does(random: np.random.Generator) -> None:
    logits, labels, weights = _drawn(random, 5)
    shares, said = _softmax(logits), logits.argmax(axis=1)
    hot = np.eye(5)[labels]
    expected = {
        "auc": roc_auc_score(
            labels, shares, multi_class="ovr", average="macro", sample_weight=weights
        ),
        "average-precision": average_precision_score(hot, shares, sample_weight=weights),
        "f1": f1_score(labels, said, average="macro", sample_weight=weights),
        "balanced-accuracy": balanced_accuracy_score(labels, said, sample_weight=weights),
    }
    for name, value in expected.items():
        assert figure(name, logits, labels)(weights) == pytest.approx(value, abs=1e-12)


def test_where_a_class_is_missing_there_is_no_area() -> None:
    found = figure("auc", np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([1, 1]))
    assert np.isnan(found(np.ones(2)))


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_no_promise_and_the_refusal_says_what_to_do(name: str) -> None:
    with pytest.raises(SettingError, match=f"--report {name}"):
        parse_metric(name, two_classes())
    check_reports((name,))


def test_an_unknown_figure_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingError, match="average-precision"):
        check_reports(("auc", "mcc"))

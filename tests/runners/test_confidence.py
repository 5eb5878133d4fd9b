import ml_dtypes
import numpy as np
import pytest

from tradewind.errors import SettingError
from tradewind.runners import (
    RULES,
    AgreementPredictor,
    DistancePredictor,
    Margin,
    Scores,
    look_like_probabilities,
    obstacle,
    score_output,
)
from tradewind.runners.confidence import softmax, traits
from tradewind.tensors import Datatype, Signature, TensorSpec

X = TensorSpec("x", Datatype.FP32, ("N", 3))


def _signature(*outputs: TensorSpec) -> Signature:
    return Signature((X,), outputs)


def test_the_margin_is_the_distance_of_the_two_largest_shares(random: np.random.Generator) -> None:
    logits = random.normal(size=(50, 6)) * 3
    for temperature in (0.5, 1.0, 4.0):
        shares = np.sort(np.exp(logits / temperature), axis=1)
        shares /= shares.sum(axis=1, keepdims=True)
        wanted = shares[:, -1] - shares[:, -2]
        found = Margin(Scores("y"), 0.5, temperature).confidence({"y": logits})
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_probabilities_at_temperature_one_are_taken_as_they_are(
    random: np.random.Generator,
) -> None:
    shares = random.dirichlet(np.ones(5), 40).astype(np.float32)
    found = Margin(Scores("y", are_probabilities=True), 0.5).confidence({"y": shares})
    ranked = np.sort(shares.astype(np.float64), axis=1)
    np.testing.assert_allclose(found, ranked[:, -1] - ranked[:, -2], atol=1e-6)


@pytest.mark.parametrize("shape", [(30,), (30, 1)])
def test_a_single_score_has_a_margin_too(
    shape: tuple[int, ...], random: np.random.Generator
) -> None:
    logit = random.normal(size=shape) * 2
    share = 1 / (1 + np.exp(-logit))
    wanted = np.abs(2 * share - 1).ravel()
    rule = Margin(Scores("y"), 0.5)
    np.testing.assert_allclose(rule.confidence({"y": logit}), wanted, rtol=1e-9)
    rule = Margin(Scores("y", are_probabilities=True), 0.5)
    np.testing.assert_allclose(rule.confidence({"y": share}), wanted, rtol=1e-9)


def test_half_precision_is_read(random: np.random.Generator) -> None:
    logits = random.normal(size=(10, 4))
    for kind in (np.float16, ml_dtypes.bfloat16, np.float32):
        found = Margin(Scores("y"), 0.5).confidence({"y": logits.astype(kind)})
        np.testing.assert_allclose(
            found, Margin(Scores("y"), 0.5).confidence({"y": logits}), atol=0.02
        )


def test_extreme_scores_stay_numbers() -> None:
    logits = np.array([[1e30, -1e30, 0], [0, 0, 0], [1e4, 1e4, -1e4]])
    assert Margin(Scores("y"), 0.5).confidence({"y": logits}).tolist() == [1, 0, 0]
    found = AgreementPredictor(Scores("y"), 0.5, (1000.0,), -5).confidence({"y": logits})
    assert np.isfinite(found).all()
    certain = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    rule = Margin(Scores("y", are_probabilities=True), 0.5)
    np.testing.assert_allclose(rule.confidence({"y": certain}), [1, 0], atol=1e-9)


def test_an_empty_batch_has_no_confidence() -> None:
    for rule in (Margin(Scores("y"), 0.5), AgreementPredictor(Scores("y"), 0.5, (1.0, 1.0))):
        assert rule.is_sure({"y": np.zeros((0, 3), np.float32)}).shape == (0,)


def test_a_prediction_is_a_logistic_of_the_traits(random: np.random.Generator) -> None:
    logits = random.normal(size=(20, 5))
    weights = tuple(random.normal(size=4).tolist())
    rule = AgreementPredictor(Scores("y"), 0.5, weights, 0.3)
    wanted = 1 / (1 + np.exp(-(0.3 + traits(logits, 4) @ np.array(weights))))
    np.testing.assert_allclose(rule.confidence({"y": logits}), wanted, rtol=1e-9)


def test_the_traits_are_what_they_say(random: np.random.Generator) -> None:
    logits = random.normal(size=(8, 4))
    found = traits(logits)
    ranked = -np.sort(-logits, axis=1)
    shares = softmax(logits)
    assert found.shape == (8, 5)
    np.testing.assert_allclose(found[:, 0], ranked[:, 0] - ranked[:, 1])
    np.testing.assert_allclose(found[:, 2], -(shares * np.log(shares)).sum(axis=1))
    np.testing.assert_allclose(found[:, 4], ranked[:, 0] - ranked[:, 3])
    assert traits(logits[:, :2]).shape == (8, 3)


def test_a_share_of_one_is_told_from_a_logit(random: np.random.Generator) -> None:
    logits = random.normal(size=(300, 10))
    shares = softmax(logits)
    assert look_like_probabilities(shares)
    assert look_like_probabilities(np.round(shares * 256) / 256)
    assert look_like_probabilities(shares[:, :1])
    assert not look_like_probabilities(logits)
    assert not look_like_probabilities(np.abs(logits) / 10)
    assert not look_like_probabilities(np.where(logits > 2, np.nan, shares))
    assert not look_like_probabilities(np.zeros((0, 3)))


def test_the_scores_are_found() -> None:
    label = TensorSpec("label", Datatype.INT64, ("N",))
    shares = TensorSpec("probabilities", Datatype.FP32, ("N", 3))
    assert score_output(_signature(shares)) == "probabilities"
    assert score_output(_signature(label, shares)) == "probabilities"
    assert score_output(_signature(TensorSpec("s", Datatype.FP16, ("N",)))) == "s"
    assert obstacle(_signature(label, shares)) == ""


@pytest.mark.parametrize(
    "outputs",
    [
        (TensorSpec("label", Datatype.INT64, ("N",)),),
        (TensorSpec("box", Datatype.FP32, ("N", 4, 4)),),
        (TensorSpec("y", Datatype.FP32, (3,)),),
        (TensorSpec("y", Datatype.FP32, ("N", 3)), TensorSpec("c", Datatype.FP32, (3, 2))),
        (TensorSpec("y", Datatype.FP32, ("N", 3)), TensorSpec("mean", Datatype.FP32, ())),
    ],
)
def test_a_model_without_class_scores_says_why_it_is_no_stage(
    outputs: tuple[TensorSpec, ...],
) -> None:
    assert obstacle(_signature(*outputs))


def test_a_model_that_counts_no_examples_is_no_stage() -> None:
    scores = TensorSpec("y", Datatype.FP32, ("N", 3))
    assert obstacle(Signature((TensorSpec("x", Datatype.FP32, ()),), (scores,)))


def test_a_temperature_is_positive() -> None:
    with pytest.raises(SettingError, match="temperature"):
        Margin(Scores("y"), 0.5, 0.0)


def test_every_rule_says_in_words_what_it_asks() -> None:
    made = (
        Margin(Scores("y"), 0.75),
        AgreementPredictor(Scores("y"), 0.75),
        DistancePredictor(-0.75),
    )
    assert tuple(type(rule) for rule in made) == RULES
    for rule in made:
        assert "0.75" in rule.label
        assert rule.at(0.5).threshold == 0.5
    assert len({kind.name for kind in RULES}) == len(RULES)

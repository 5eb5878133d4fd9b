"""Histogram gradient boosting that splits categories, against scikit-learn itself."""

from typing import Any

import numpy as np
import pytest

from tradewind.engines import OnnxRuntime
from tradewind.errors import ModelError
from tradewind.importers import load_model
from tradewind.importers.columns import layout_of
from tradewind.importers.estimators import check_estimator
from tradewind.importers.metadata import NOTE
from tradewind.model import Model
from tradewind.tensors import Array, Tensors

pytest.importorskip("skl2onnx", reason="the extra `sklearn` is not installed")

from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    VotingClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

ROWS = 1200  # scikit-learn splits no categories that fewer than ten rows have
CATEGORIES = (
    np.arange(40.0),
    np.array([-3, 0.1, 0.5, 2.75, 1000]),
    np.array([0.0, 1, 2, 7]),
)
WORDS = np.array(["red", "green", "blue", "", "naïve ☕"], object)
UNSEEN = np.array([-1, 0.3, 5.5, 255, 256, 1e6, np.nan])


def numbers(random: np.random.Generator) -> tuple[Array, Array]:
    """Return rows of three columns of categories and two of numbers, with what they add up to."""
    rows = np.empty((ROWS, 5))
    target = np.zeros(ROWS)
    for column, values in enumerate(CATEGORIES):
        codes = random.integers(len(values), size=ROWS)
        rows[:, column] = values[codes]
        target += random.normal(size=len(values))[codes]
    # hundreds of numbers, so that some are thresholds, and far enough apart for float32
    rows[:, 3:] = np.round(random.normal(size=(ROWS, 2)) * 128) / 128
    target += rows[:, 3]
    rows[random.random(rows.shape) < 0.05] = np.nan
    return rows, target


def asked(rows: Array, random: np.random.Generator) -> Array:
    """Return rows of which a fifth of the categories was never seen."""
    found = rows.copy()
    strange = random.random((len(rows), len(CATEGORIES))) < 0.2
    found[:, : len(CATEGORIES)][strange] = random.choice(UNSEEN, strange.sum())
    return found


def assert_answers(model: Model, estimator: Any, rows: Any, inputs: Tensors) -> None:
    """Raise unless the graph answers every row as the estimator does."""
    assert NOTE not in model.graph.metadata_props
    with OnnxRuntime(threads=1).compile(model) as runner:
        found = runner(inputs)
    is_classifier = hasattr(estimator, "classes_")
    wanted = estimator.predict_proba(rows) if is_classifier else estimator.predict(rows)[:, None]
    got = found["probabilities"] if is_classifier else next(iter(found.values()))
    # leaves are added in float32: seven digits of a sum of a few tens, and what exp makes of them
    assert np.allclose(got, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "quantile", "poisson"])
def test_a_regressor_is_imported(loss: str, random: np.random.Generator) -> None:
    rows, target = numbers(random)
    quantile = 0.7 if loss == "quantile" else None
    estimator = HistGradientBoostingRegressor(
        loss=loss, quantile=quantile, max_iter=8, categorical_features=[2, 0, 1]
    ).fit(rows, np.exp(target / 4))
    model = load_model(estimator)
    assert [str(spec) for spec in model.signature.inputs] == ["input: FP32[N, 5]"]
    found = asked(rows, random)
    assert_answers(model, estimator, found, {"input": found.astype(np.float32)})


@pytest.mark.parametrize("labels", [(False, True), ("cold", "mild", "warm")])
def test_a_classifier_is_imported_with_categories_that_were_held_out(
    labels: tuple[object, ...], random: np.random.Generator
) -> None:
    rows, target = numbers(random)
    rows[:40, 0] = np.arange(100, 140)  # of these about half are held out
    bounds = np.quantile(target, np.arange(1, len(labels)) / len(labels))
    estimator = HistGradientBoostingClassifier(
        max_iter=8,
        early_stopping=True,
        validation_fraction=0.5,
        categorical_features=[True] * 3 + [False] * 2,
        random_state=int(random.integers(2**31)),
    ).fit(rows, np.array(labels)[np.digitize(target, bounds)])
    found = asked(rows, random)
    inputs = {"input": found.astype(np.float32)}
    assert_answers(load_model(estimator), estimator, found, inputs)


@pytest.mark.parametrize("form", ["scaled", "votes", "calibrated"])
def test_trees_that_split_categories_may_be_parts(form: str, random: np.random.Generator) -> None:
    rows, target = numbers(random)
    trees = HistGradientBoostingClassifier(max_iter=5, categorical_features=[0, 1, 2])
    if form == "scaled":
        scaled = make_column_transformer((StandardScaler(), [3, 4]), remainder="passthrough")
        last = HistGradientBoostingClassifier(max_iter=5, categorical_features=[2, 3, 4])
        estimator = make_pipeline(scaled, last)
    elif form == "votes":
        plain = HistGradientBoostingClassifier(max_iter=5)
        estimator = VotingClassifier([("a", trees), ("b", plain)], voting="soft")
    else:
        estimator = CalibratedClassifierCV(trees, cv=2)
    estimator.fit(rows, target > np.median(target))
    assert all(
        column.others_are_missing == (number < 3)
        for number, column in enumerate(layout_of(estimator, None, "").columns)
    )
    # what a vote's trees compare as numbers is no category, and so has to be a float32
    found = asked(rows, random).astype(np.float32).astype(float)
    found[:, 1] = np.where(found[:, 1] == np.float32(0.1), 0.5, found[:, 1])
    inputs = {"input": found.astype(np.float32)}
    assert_answers(load_model(estimator), estimator, found, inputs)


def words(random: np.random.Generator) -> tuple[Array, Array]:
    """Return rows with two columns of texts, one of numeric categories and one of numbers."""
    rows = np.empty((ROWS, 4), object)
    rows[:, 0], rows[:, 2] = random.choice(WORDS, ROWS), random.choice(["x", "y"], ROWS)
    rows[:, 1] = random.normal(size=ROWS).astype(np.float32)
    rows[:, 3] = random.choice([1, 2, 5], ROWS)
    return rows, (rows[:, 0] == "red").astype(int) + (rows[:, 2] == "x") + (rows[:, 3] == 5)


def by_column(rows: Array) -> dict[str, Array]:
    kinds = (object, np.float32, object, np.float32)
    return {f"x{i}": rows[:, [i]].astype(kind) for i, kind in enumerate(kinds)}


@pytest.mark.parametrize("is_step", [False, True])
def test_texts_become_inputs_of_their_own(is_step: bool, random: np.random.Generator) -> None:
    rows, target = words(random)
    trees = HistGradientBoostingClassifier(max_iter=8, categorical_features=[0, 2, 3])
    estimator = (make_pipeline(trees) if is_step else trees).fit(rows, target)
    model = load_model(estimator)
    kinds = ["BYTES", "FP32", "BYTES", "FP32"]
    assert [str(spec) for spec in model.signature.inputs] == [
        f"x{number}: {kind}[N, 1]" for number, kind in enumerate(kinds)
    ]
    rows[::7, 0], rows[::5, 2], rows[::11, 3] = "never seen", "", 70.5
    assert_answers(model, estimator, rows, by_column(rows))


@pytest.mark.parametrize("unknown", [-1, np.nan])
def test_numbered_texts_are_split_as_categories(
    unknown: float, random: np.random.Generator
) -> None:
    rows, target = words(random)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=unknown)
    columns = make_column_transformer((encoder, [0, 2]), remainder="passthrough")
    trees = HistGradientBoostingRegressor(max_iter=8, categorical_features=[0, 1, 3])
    estimator = make_pipeline(columns, trees).fit(rows, target)
    last = layout_of(estimator, None, "").columns[3]
    assert last.others_are_missing
    assert last.values is not None
    assert last.values.tolist() == [1, 2, 5]
    rows[::7, 0], rows[::5, 2], rows[::11, 3] = "never seen", "", 70.5
    assert_answers(load_model(estimator), estimator, rows, by_column(rows))


def test_a_data_frame_says_what_is_a_category(random: np.random.Generator) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    rows, target = words(random)
    frame = pandas.DataFrame({f"x{i}": rows[:, i] for i in range(4)}).astype({"x1": np.float32})
    kinds = dict.fromkeys(("x0", "x2", "x3"), "category")
    estimator = HistGradientBoostingClassifier(max_iter=8).fit(frame.astype(kinds), target)
    rows[::7, 0] = "never seen"
    asked = frame.assign(x0=rows[:, 0], x3=frame["x3"].astype(float))
    assert_answers(load_model(estimator), estimator, asked, by_column(rows))


def test_the_comparison_finds_categories_that_changed_places(random: np.random.Generator) -> None:
    rows, target = numbers(random)
    trees = HistGradientBoostingRegressor(max_iter=8, categorical_features=[0])
    model = load_model(trees.fit(rows, target))
    rows[:, 0] = 39 - rows[:, 0]
    other = HistGradientBoostingRegressor(max_iter=8, categorical_features=[0]).fit(rows, target)
    with pytest.raises(ModelError, match="at output"):
        check_estimator(model, other, layout_of(other, None, "other"))


def test_categories_that_float32_confuses_are_refused(random: np.random.Generator) -> None:
    rows = random.permutation(np.arange(ROWS) % 2 + 2.0**24)[:, None]
    trees = HistGradientBoostingRegressor(max_iter=2, categorical_features=[0])
    with pytest.raises(ModelError, match="column 0: expected categories that float32 tells apart"):
        load_model(trees.fit(rows, rows[:, 0]))

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tradewind.engines import OnnxRuntime
from tradewind.errors import ModelError
from tradewind.importers import SklearnImporter, load_model
from tradewind.importers.columns import layout_of
from tradewind.importers.estimators import check_estimator
from tradewind.importers.metadata import NOTE
from tradewind.importers.sklearn import CLASSES, _extra
from tradewind.tensors import Array, Datatype

pytest.importorskip("skl2onnx", reason="the extra `sklearn` is not installed")

from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from skops.io import dump


@pytest.fixture
def numbers(random: np.random.Generator) -> Array:
    return random.normal(size=(200, 4))


def mixed_pipeline(random: np.random.Generator) -> Any:
    rows = np.empty((200, 3), object)
    rows[:, 0], rows[:, 2] = random.normal(size=(2, 200))
    rows[:, 1] = random.choice(["tcp", "udp", "icmp"], 200)
    columns = ColumnTransformer([("n", StandardScaler(), [0, 2]), ("c", OneHotEncoder(), [1])])
    pipeline = make_pipeline(columns, LogisticRegression())
    return pipeline.fit(rows, (rows[:, 0] > 0).astype(int))


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        RandomForestClassifier(10),
        GradientBoostingClassifier(n_estimators=5),
        HistGradientBoostingClassifier(max_iter=5),
        SVC(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_classifiers_keep_their_answers_and_classes(estimator: Any, numbers: Array) -> None:
    labels = np.array(["a", "b", "c"])[np.digitize(numbers[:, 0], [-0.5, 0.5])]
    model = load_model(estimator.fit(numbers, labels))
    assert model.signature.inputs[0].shape == ("N", 4)
    assert model.origin.framework == "scikit-learn"
    assert json.loads(model.graph.metadata_props[CLASSES]) == ["a", "b", "c"]
    rows = numbers.astype(np.float32)
    with OnnxRuntime().compile(model) as runner:
        found = runner({"input": rows})["label"]
    # rows near a boundary may fall on the other side in float32
    assert np.mean(found.astype(str) == estimator.predict(rows.astype(float))) >= 0.98


@pytest.mark.parametrize(
    "estimator",
    [Ridge(), RandomForestRegressor(10), HistGradientBoostingRegressor(max_iter=5)],
    ids=lambda estimator: type(estimator).__name__,
)
def test_regressors_have_one_output(estimator: Any, numbers: Array) -> None:
    model = load_model(estimator.fit(numbers, numbers @ np.arange(4)))
    assert [spec.shape for spec in model.signature.outputs] == [("N", 1)]
    assert CLASSES not in model.graph.metadata_props


def test_clusters_are_imported_too(numbers: Array) -> None:
    assert load_model(KMeans(3).fit(numbers)).signature.outputs[0].name == "label"


def test_columns_of_strings_become_inputs_of_their_own(random: np.random.Generator) -> None:
    model = load_model(mixed_pipeline(random))
    assert [str(spec) for spec in model.signature.inputs] == [
        "x0: FP32[N, 1]",
        "x1: BYTES[N, 1]",
        "x2: FP32[N, 1]",
    ]


def test_columns_can_be_named(random: np.random.Generator) -> None:
    columns = {"duration": Datatype.FP32, "protocol": Datatype.BYTES, "bytes": Datatype.FP32}
    model = load_model(mixed_pipeline(random), columns=columns)
    assert [spec.name for spec in model.signature.inputs] == list(columns)


def test_another_number_of_columns_is_refused(random: np.random.Generator) -> None:
    with pytest.raises(ModelError, match="expected 3 columns, got 1 declared"):
        load_model(mixed_pipeline(random), columns={"one": Datatype.FP32})


def test_a_column_of_a_type_that_cannot_be_converted_is_named(numbers: Array) -> None:
    estimator = Ridge().fit(numbers[:, :1], numbers[:, 1])
    with pytest.raises(ModelError, match=r"Ridge: age: .* got BF16"):
        load_model(estimator, columns={"age": Datatype.BF16})


def test_a_pipeline_of_texts_takes_texts() -> None:
    texts = ["free money, call now", "how are you, my friend"] * 10
    pipeline = make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(texts, ["spam", "ham"] * 10)
    model = load_model(pipeline)
    assert str(model.signature.inputs[0]) == "text: BYTES[N, 1]"
    with OnnxRuntime().compile(model) as runner:
        answer = runner({"text": np.array([["FREE call!"], ["my friend"]], object)})
    assert answer["label"].tolist() == ["spam", "ham"]


def test_an_estimator_that_is_not_fitted_is_refused() -> None:
    with pytest.raises(ModelError, match="call `fit` first"):
        load_model(LogisticRegression())


def test_an_estimator_that_does_not_predict_is_refused(numbers: Array) -> None:
    with pytest.raises(ModelError, match="an estimator that predicts"):
        load_model(StandardScaler().fit(numbers))


def test_an_estimator_without_a_converter_is_refused(numbers: Array) -> None:
    class Unknown(LogisticRegression):  # type: ignore[misc]
        pass

    estimator = Unknown().fit(numbers, numbers[:, 0] > 0)
    with pytest.raises(ModelError, match="skl2onnx can convert, got MissingShapeCalculator"):
        load_model(estimator)


def test_a_graph_that_answers_otherwise_is_refused(numbers: Array) -> None:
    labels = (numbers[:, 0] > 0).astype(int)
    model = load_model(LogisticRegression().fit(numbers, labels))
    other = LogisticRegression().fit(numbers, 1 - labels)
    with pytest.raises(ModelError, match=r"at output 'label' on"):
        check_estimator(model, other, layout_of(other, None, "other"))


def test_a_missing_extra_is_named_with_the_command() -> None:
    with pytest.raises(ModelError, match=r'hint: pip install "tradewind\[sklearn\]"'):
        _extra("no_such_package.part", "model.skops")


def test_a_skops_file_is_loaded(tmp_path: Path, numbers: Array) -> None:
    path = tmp_path / "model.bin"
    dump(make_pipeline(StandardScaler(), Ridge()).fit(numbers, numbers[:, 0]), path)
    assert SklearnImporter().matches(path)
    model = load_model(path)
    assert model.origin.source == "model.bin"
    assert onnx.load_model_from_string(model.content).graph.node


def imputing(random: np.random.Generator, folder: Path) -> Path:
    """Return the file of a pipeline with an imputer, which keeps the element types that it met."""
    rows = np.empty((100, 2), object)
    rows[:, 0], rows[:, 1] = random.normal(size=100), random.choice(["tcp", "udp"], 100)
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer([("n", numbers, [0]), ("c", OneHotEncoder(), [1])])
    path = folder / "imputing.skops"
    dump(make_pipeline(columns, LogisticRegression()).fit(rows, rows[:, 0] > 0), path)
    return path


def test_a_skops_file_may_hold_element_types(tmp_path: Path, random: np.random.Generator) -> None:
    model = load_model(imputing(random, tmp_path))
    assert [str(spec) for spec in model.signature.inputs] == ["x0: FP32[N, 1]", "x1: BYTES[N, 1]"]
    assert model.origin.parity is not None


def test_an_element_type_that_is_made_in_another_way_is_refused(
    tmp_path: Path, random: np.random.Generator
) -> None:
    path = imputing(random, tmp_path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert b"DTypeNode" in members["schema.json"]
    members["schema.json"] = members["schema.json"].replace(b"DTypeNode", b"ObjectNode")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ModelError, match=r"got numpy\.dtype"):
        load_model(path)


def test_trees_with_converters_of_an_older_operator_set_are_imported(numbers: Array) -> None:
    model = load_model(IsolationForest(n_estimators=3).fit(numbers))
    assert model.signature.outputs[0].name == "label"
    assert model.origin.parity is not None


def test_damaged_skops_files_end_in_a_model_error_or_a_model(
    tmp_path: Path, numbers: Array, random: np.random.Generator
) -> None:
    path = tmp_path / "model.skops"
    dump(Ridge().fit(numbers, numbers[:, 0]), path)
    content = path.read_bytes()
    for _ in range(100):
        damaged = bytearray(content)
        damaged[random.integers(len(damaged))] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged[: random.integers(len(damaged) // 2, 2 * len(damaged))])
        try:
            load_model(path)
        except ModelError:
            continue


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(10),
        RandomForestRegressor(10),
        HistGradientBoostingRegressor(max_iter=5),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_missing_values_go_where_the_estimator_sends_them(estimator: Any, numbers: Array) -> None:
    numbers = numbers.astype(np.float32).astype(float)
    numbers[::3, 0] = np.nan
    target = np.nan_to_num(numbers, nan=2) @ np.arange(4)
    is_classifier = isinstance(estimator, RandomForestClassifier)
    model = load_model(estimator.fit(numbers, target > 1 if is_classifier else target))
    assert NOTE not in model.graph.metadata_props
    with OnnxRuntime().compile(model) as runner:
        found = next(iter(runner({"input": numbers.astype(np.float32)}).values()))
    wanted = estimator.predict(numbers)
    # a threshold between two float32 values is rounded to one of them
    assert np.mean(np.abs(found.reshape(-1) - wanted) > 1e-3) <= 0.02


def test_an_import_says_how_far_it_was_compared(numbers: Array) -> None:
    parity = load_model(Ridge().fit(numbers, numbers[:, 0])).origin.parity
    assert parity is not None
    assert parity.examples >= 300
    assert parity.largest < 1e-3


def test_soft_votes_are_imported_and_the_estimator_stays_as_it_was(
    numbers: Array, random: np.random.Generator
) -> None:
    labels = (numbers[:, 0] > 0).astype(int) + (numbers[:, 1] > 0)
    # trees and saturated lines would tie, and rounding would decide
    members = [("sharp", LogisticRegression()), ("soft", LogisticRegression(C=0.1))]
    estimator = VotingClassifier(members, voting="soft").fit(numbers, labels)
    assert load_model(estimator).origin.parity is not None
    assert estimator.flatten_transform

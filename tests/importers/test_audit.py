"""Changed trees must be found before anything follows their nodes, in compiled code."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradewind.errors import ModelError
from tradewind.importers import load_model
from tradewind.tensors import Array

pytest.importorskip("skl2onnx", reason="the extra `sklearn` is not installed")

from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from skops.io import dump


def fitted(estimator: Any, random: np.random.Generator) -> Any:
    rows = random.normal(size=(200, 3))
    return estimator.fit(rows, (rows[:, 0] + rows[:, 1] > 0).astype(int))


@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeClassifier(),
        DecisionTreeRegressor(max_leaf_nodes=9),
        DecisionTreeClassifier(ccp_alpha=0.01),
        RandomForestClassifier(3),
        ExtraTreesRegressor(3),
        GradientBoostingClassifier(n_estimators=3),
        GradientBoostingRegressor(n_estimators=3),
        HistGradientBoostingClassifier(max_iter=3),
        HistGradientBoostingRegressor(max_iter=3),
        make_pipeline(StandardScaler(), RandomForestClassifier(3)),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_trees_in_skops_files_are_loaded(
    estimator: Any, tmp_path: Path, random: np.random.Generator
) -> None:
    path = tmp_path / "model.skops"
    dump(fitted(estimator, random), path)
    parity = load_model(path).origin.parity
    assert parity is not None
    assert parity.differing <= 0.01


def rewritten(path: Path, change: Callable[[str, Array], Array | None]) -> None:
    """Change the arrays of a skops file."""
    content = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            content[name] = archive.read(name)
    for name in [name for name in content if name.endswith(".npy")]:
        array = np.load(io.BytesIO(content[name]))
        changed = change(name, array.copy())
        if changed is not None:
            file = io.BytesIO()
            np.save(file, changed)
            content[name] = file.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def set_nodes(field: str, value: Callable[[Array], Any]) -> Callable[[str, Array], Array | None]:
    def change(name: str, array: Array) -> Array | None:
        if array.dtype.names is None or field not in array.dtype.names:
            return None
        array[field] = value(array)
        return array

    return change


FOREST = [
    ("left_child", lambda nodes: np.where(nodes["left_child"] > 0, 10**6, -1)),
    ("left_child", lambda nodes: np.where(nodes["left_child"] > 0, 0, -1)),
    ("right_child", lambda nodes: np.where(nodes["right_child"] > 0, -7, -1)),
    ("feature", lambda nodes: np.where(nodes["left_child"] > 0, 3, -2)),
    ("feature", lambda nodes: np.where(nodes["left_child"] > 0, -5, -2)),
]
HISTOGRAM = [
    ("left", lambda nodes: 10**6),
    ("right", lambda nodes: 0),
    ("feature_idx", lambda nodes: 3),
    ("is_leaf", lambda nodes: 0),
    ("is_categorical", lambda nodes: 1),
]


@pytest.mark.parametrize(("field", "value"), FOREST)
@pytest.mark.parametrize(
    "estimator", [RandomForestClassifier(2), GradientBoostingRegressor(n_estimators=2)]
)
def test_a_forest_with_changed_nodes_is_refused(
    estimator: Any,
    field: str,
    value: Callable[[Array], Any],
    tmp_path: Path,
    random: np.random.Generator,
) -> None:
    path = tmp_path / "model.skops"
    dump(fitted(estimator, random), path)
    rewritten(path, set_nodes(field, value))
    with pytest.raises(ModelError, match=r"model\.skops: expected (children|features)"):
        load_model(path)


@pytest.mark.parametrize(("field", "value"), HISTOGRAM)
def test_histogram_trees_with_changed_nodes_are_refused(
    field: str, value: Callable[[Array], Any], tmp_path: Path, random: np.random.Generator
) -> None:
    path = tmp_path / "model.skops"
    dump(fitted(HistGradientBoostingClassifier(max_iter=2), random), path)
    rewritten(path, set_nodes(field, value))
    with pytest.raises(ModelError, match=r"model\.skops: expected (children|features|splits)"):
        load_model(path)


def with_schema(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(content["schema.json"])

    def visit(value: Any) -> None:
        if isinstance(value, dict):
            change(value)
            for inner in list(value.values()):
                visit(inner)
        elif isinstance(value, list):
            for inner in value:
                visit(inner)

    visit(schema)
    content["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)


@pytest.mark.parametrize("count", ["2", "1000"])
def test_a_forest_of_trees_for_other_rows_is_refused(
    count: str, tmp_path: Path, random: np.random.Generator
) -> None:
    path = tmp_path / "model.skops"
    dump(fitted(RandomForestClassifier(2), random), path)

    def change(value: dict[str, Any]) -> None:
        if value.get("__class__") == "RandomForestClassifier":
            value["content"]["content"]["n_features_in_"] = {
                "__class__": "str",
                "__module__": "builtins",
                "__loader__": "JsonNode",
                "content": count,
                "is_json": True,
            }

    with_schema(path, change)
    with pytest.raises(ModelError, match=f"expected trees of {count} features, got 3"):
        load_model(path)


def test_trees_that_nothing_here_knows_how_to_use_are_refused(
    tmp_path: Path, random: np.random.Generator
) -> None:
    estimator = StandardScaler().fit(random.normal(size=(9, 3)))
    estimator.extra_ = fitted(DecisionTreeClassifier(), random).tree_
    path = tmp_path / "model.skops"
    dump(make_pipeline(estimator, DecisionTreeClassifier()), path)
    with pytest.raises(ModelError, match="a Tree elsewhere"):
        load_model(path)


def test_an_isolation_forest_is_refused_because_it_hands_over_rows_unchecked(
    tmp_path: Path, random: np.random.Generator
) -> None:
    path = tmp_path / "model.skops"
    dump(IsolationForest(n_estimators=2).fit(random.normal(size=(50, 3))), path)
    with pytest.raises(ModelError, match="those of IsolationForest"):
        load_model(path)

"""Forests, written as graphs and read from files that are small enough to be checked by hand."""

import importlib.util
import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cases.evaluating import answer
from tests.cases.trees import draw_forest

from tradewind.engines import OnnxRuntime
from tradewind.errors import ModelError
from tradewind.importers import load_model
from tradewind.importers.environments import HOME
from tradewind.importers.forests import Feature, Forest, catboost, lightgbm, ubjson, write, xgboost
from tradewind.importers.forests.asking import questions
from tradewind.importers.forests.forest import Comparison, Link
from tradewind.model import Model, Origin
from tradewind.tensors import Array


def assert_graph_answers(forest: Forest) -> None:
    """Raise unless the graph answers as the trees do, on thresholds and beside them."""
    model = Model.from_proto(write(forest), Origin("test", "forest"))
    names = [spec.name for spec in model.signature.outputs]
    with OnnxRuntime().compile(model) as runner:
        for inputs in questions(forest, 0, infinite=forest.weights is None):
            found, wanted = runner(inputs), answer(forest, inputs)
            for name, array in zip(names, wanted.values(), strict=True):
                if array.dtype.kind == "f":
                    # float32 holds seven digits; the largest sums here are of a few tens
                    assert np.allclose(found[name], array, rtol=1e-4, atol=1e-5)
                else:
                    assert found[name].tolist() == array.tolist()


@pytest.mark.parametrize("comparison", ["<", "<=", ">"])
@pytest.mark.parametrize("has_sets", [False, True])
@pytest.mark.parametrize(("outputs", "width"), [(1, 1), (3, 1), (3, 3)])
def test_a_graph_goes_to_the_same_leaves(
    comparison: Comparison, has_sets: bool, outputs: int, width: int, random: np.random.Generator
) -> None:
    forest = draw_forest(
        random, outputs=outputs, width=width, comparison=comparison, has_sets=has_sets
    )
    assert_graph_answers(forest)


@pytest.mark.parametrize(
    "link", ["identity", "sigmoid", "exp", "signed square", "softplus", "step"]
)
def test_every_link_is_written(link: Link, random: np.random.Generator) -> None:
    assert_graph_answers(replace(draw_forest(random), link=link, scale=0.5))


@pytest.mark.parametrize("classes", [(0, 1), ("cold", "warm"), (3, 7), (True, False)])
@pytest.mark.parametrize("link", ["sigmoid", "step"])
def test_two_classes_are_written(
    classes: tuple[object, ...], link: Link, random: np.random.Generator
) -> None:
    assert_graph_answers(replace(draw_forest(random), link=link, classes=classes))


@pytest.mark.parametrize("link", ["sigmoid", "softmax"])
def test_several_classes_are_written(link: Link, random: np.random.Generator) -> None:
    forest = draw_forest(random, outputs=3)
    assert_graph_answers(replace(forest, link=link, classes=("a", "b", "c")))


def test_features_called_like_the_outputs_keep_their_names(random: np.random.Generator) -> None:
    forest = draw_forest(random)
    names = ("label", "probabilities", "sums")
    features = (*(Feature(name) for name in names), Feature("kind", ("a", "b")))
    forest = replace(forest, features=features, link="sigmoid", classes=(0, 1))
    assert_graph_answers(forest)
    inputs = Model.from_proto(write(forest), Origin("", "")).signature.inputs
    assert [spec.name for spec in inputs] == [*names, "kind"]


def test_numbers_that_stand_for_missing_values_are_missing(random: np.random.Generator) -> None:
    forest = draw_forest(random)
    assert_graph_answers(replace(forest, missing=-999.0))
    features = tuple(replace(feature, is_zero_missing=True) for feature in forest.features)
    assert_graph_answers(replace(forest, features=features))


def test_numeric_categories_may_come_in_a_matrix(random: np.random.Generator) -> None:
    forest = draw_forest(random, comparison="<=", has_sets=True)
    codes = Feature("kind", tuple(random.permutation(10).astype(float) / 4 - 1))
    for place in range(4):  # of the column among the others
        order = np.insert(np.arange(3), place, 3)
        trees = tuple(
            replace(
                tree,
                feature=np.where(tree.feature < 0, -1, np.argsort(order)[tree.feature]),
                missing_yes=tree.missing_yes & ~np.isin(np.arange(len(tree.feature)), [*tree.sets]),
            )
            for tree in forest.trees
        )
        features = tuple([*forest.features[:3], codes][number] for number in order)
        joined = replace(forest, features=features, trees=trees, looks_up=True)
        assert joined.is_matrix
        assert_graph_answers(joined)


def test_no_trees_single_leaves_and_linear_models_are_written(random: np.random.Generator) -> None:
    forest = draw_forest(random)
    assert_graph_answers(replace(forest, trees=()))
    assert_graph_answers(draw_forest(random, depth=0))
    assert_graph_answers(draw_forest(random, depth=0, has_sets=True))
    assert_graph_answers(replace(forest, trees=(), weights=random.normal(size=(4, 1))))


XGBOOST: dict[str, Any] = {
    "learner": {
        "attributes": {},
        "feature_names": ["heat", "kind"],
        "feature_types": ["float", "c"],
        "gradient_booster": {
            "model": {
                "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": "1"},
                "iteration_indptr": [0, 1],
                "tree_info": [0],
                "trees": [
                    {
                        "base_weights": [0, 0, 0, 0, 0],
                        "categories": [0, 2],
                        "categories_nodes": [2],
                        "categories_segments": [0],
                        "categories_sizes": [2],
                        "default_left": [1, 0, 0, 0, 0],
                        "left_children": [1, -1, 3, -1, -1],
                        "right_children": [2, -1, 4, -1, -1],
                        "split_conditions": [0.5, 10.0, 0.0, 20.0, 30.0],
                        "split_indices": [0, 0, 1, 0, 0],
                        "split_type": [0, 0, 1, 0, 0],
                        "tree_param": {"num_nodes": "5", "size_leaf_vector": "1"},
                    }
                ],
            },
            "name": "gbtree",
        },
        "learner_model_param": {"base_score": "1E0", "num_class": "0", "num_feature": "2"},
        "objective": {"name": "reg:squarederror"},
    },
    "version": [3, 2, 0],
}

LIGHTGBM = """tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=1
objective=regression
feature_names=heat kind
feature_infos=[0:1] 0:1:2

Tree=0
num_leaves=3
num_cat=1
split_feature=0 1
threshold=0.10000000000000001 0
decision_type=10 1
left_child=-1 -2
right_child=1 -3
leaf_value=10 20 30
cat_boundaries=0 1
cat_threshold=5
is_linear=0
shrinkage=1


end of trees

pandas_categorical:null
"""


def as_ubj(value: Any) -> bytes:
    """Return a value as Universal Binary JSON, as XGBoost writes it."""
    if isinstance(value, str):
        return b"SL" + struct.pack(">q", len(value)) + value.encode()
    if isinstance(value, int):
        return b"l" + struct.pack(">i", value)
    if isinstance(value, float):
        return b"d" + struct.pack(">f", value)
    if isinstance(value, list) and value and all(isinstance(one, float) for one in value):
        return b"[$d#L" + struct.pack(f">q{len(value)}f", len(value), *value)
    if isinstance(value, list):
        return b"[" + b"".join(map(as_ubj, value)) + b"]"
    pairs = (as_ubj(name)[1:] + as_ubj(one) for name, one in value.items())
    return b"{" + b"".join(pairs) + b"}"


@pytest.mark.parametrize("is_binary", [False, True])
def test_xgboost_sends_categories_in_a_set_to_the_right(is_binary: bool) -> None:
    content = as_ubj(XGBOOST) if is_binary else json.dumps(XGBOOST).encode()
    assert xgboost.is_xgboost(content[:4096])
    forest, rounds = xgboost.read(content, "m")
    assert rounds is None
    assert_graph_answers(forest)
    rows = [[0.4, 0], [np.nan, 0], [0.5, 0], [0.5, 1], [0.5, 2.9], [0.5, -0.5], [0.5, np.nan]]
    found = answer(forest, {"input": np.array(rows, np.float32)})["prediction"]
    # one more than the leaf, which is the base; a category below 0 is in no set
    assert found.ravel().tolist() == [11, 11, 31, 21, 31, 21, 31]


def test_lightgbm_thresholds_are_rounded_to_the_float32_below() -> None:
    assert lightgbm.is_lightgbm(LIGHTGBM.encode()[:4096])
    forest = lightgbm.read(LIGHTGBM.encode(), "m")
    assert_graph_answers(forest)
    tenth = np.float32(0.1)  # which is above the threshold of 0.1 in float64
    rows = [[np.nextafter(tenth, np.float32(0)), 0], [tenth, 0], [tenth, 1], [tenth, 2.9]]
    rows += [[tenth, -0.5], [tenth, -1], [tenth, np.nan], [np.nan, 1]]
    found = answer(forest, {"input": np.array(rows, np.float32)})["prediction"]
    # 0 and 2 are in the set, fractions are cut off, and no value goes left at the first node
    assert found.ravel().tolist() == [10, 20, 30, 20, 20, 30, 30, 10]


def test_catboost_numbers_leaves_by_bits() -> None:
    document = {
        "features_info": {
            "float_features": [
                {"feature_index": 0, "flat_feature_index": 0, "nan_value_treatment": "AsTrue"},
                {"feature_index": 1, "flat_feature_index": 2, "nan_value_treatment": "AsFalse"},
            ],
            "categorical_features": [{"feature_index": 0, "flat_feature_index": 1}],
            "cat_features_hash": [{"hash": 2**32 - 5, "value": "tcp"}],
        },
        "model_info": {"params": {"loss_function": {"type": "RMSE"}}},
        "oblivious_trees": [
            {
                "leaf_values": [0, 1, 2, 3],
                "splits": [
                    {"split_type": "FloatFeature", "float_feature_index": 0, "border": 0.5},
                    {"split_type": "OneHotFeature", "cat_feature_index": 0, "value": -5},
                ],
            }
        ],
        "scale_and_bias": [2, [10]],
    }
    content = json.dumps(document).encode()
    assert catboost.is_catboost(content[:4096])
    forest = catboost.read(content, "m")
    assert_graph_answers(forest)
    inputs: dict[str, Array] = {
        "x0": np.array([[0.5], [0.6], [np.nan], [0]], np.float32),
        "x1": np.array([["udp"], ["udp"], ["tcp"], ["tcp"]], object),
        "x2": np.zeros((4, 1), np.float32),
    }
    assert answer(forest, inputs)["prediction"].ravel().tolist() == [10, 12, 16, 14]


@pytest.mark.parametrize(
    ("library", "content"), [("lightgbm", LIGHTGBM), ("xgboost", json.dumps(XGBOOST))]
)
def test_a_file_without_its_library_is_refused_with_the_command(
    library: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec(library) is not None:
        pytest.skip(f"{library} is installed beside Tradewind")
    monkeypatch.setenv(HOME, str(tmp_path / "none"))
    path = tmp_path / "model"
    path.write_text(content)
    with pytest.raises(ModelError, match=f"tradewind doctor --install {library}"):
        load_model(path)


def test_a_former_binary_file_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"binf" + bytes(100))
    with pytest.raises(ModelError, match=r"save_model\('model.json'\)"):
        load_model(path)


def changed(path: list[Any], value: Any) -> bytes:
    document = json.loads(json.dumps(XGBOOST))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(document).encode()


TREE = ["learner", "gradient_booster", "model", "trees", 0]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ([*TREE, "left_children"], [1, -1, 99, -1, -1], "children among the 5 nodes"),
        ([*TREE, "left_children"], [0, -1, 3, -1, -1], "children among the 5 nodes"),
        ([*TREE, "right_children"], [1, -1, 4, -1, -1], "a node that two others lead to"),
        ([*TREE, "split_indices"], [9, 0, 1, 0, 0], "one of 2 features"),
        ([*TREE, "split_conditions"], [0.5], "lists of different lengths"),
        ([*TREE, "categories_sizes"], [99], "categories among 2"),
        (["learner", "gradient_booster", "model", "tree_info"], [4], "one of 1 outputs"),
        (["learner", "objective", "name"], "mine", "an objective of XGBoost's own"),
        (["learner", "feature_names"], ["a", "a"], "2 names of features"),
        (["learner", "learner_model_param"], {}, "damaged"),
    ],
)
def test_a_damaged_file_of_xgboost_says_where(path: list[Any], value: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        xgboost.read(changed(path, value), "m")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("end of trees", "", "cut off"),
        ("left_child=-1 -2", "left_child=7 -2", "children among the 5 nodes"),
        ("is_linear=0", "is_linear=1", "a linear model at each leaf"),
        ("objective=regression", "objective=custom", "an objective of LightGBM's own"),
        ("leaf_value=10 20 30", "leaf_value=10 20", "3 leaves"),
        ("feature_names=heat kind", "feature_names=heat", "2 names of features"),
        ("threshold=0.10000000000000001 0", "threshold=x 0", "damaged"),
        ("categorical:null", 'categorical:[["a"], ["b"]]', "categories of the 1 columns"),
    ],
)
def test_a_damaged_file_of_lightgbm_says_where(before: str, after: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        lightgbm.read(LIGHTGBM.replace(before, after).encode(), "m")


def test_binary_json_is_read_or_refused(random: np.random.Generator) -> None:
    content = as_ubj(XGBOOST)
    for end in random.integers(len(content), size=50):
        with pytest.raises(ModelError):
            ubjson.parse(content[:end], "m")
    with pytest.raises(ModelError, match="nested"):
        ubjson.parse(b"[" * 1000, "m")
    with pytest.raises(ModelError, match="cut off"):
        ubjson.parse(b"[$d#L" + struct.pack(">q", 2**62), "m")
    with pytest.raises(ModelError, match="a value of type"):
        ubjson.parse(b"?", "m")

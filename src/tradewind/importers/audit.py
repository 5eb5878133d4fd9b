"""Whether the trees of scikit-learn that came out of a file can be walked safely.

scikit-learn follows the node numbers of a tree in compiled code without looking whether they
exist, so skops trusts none of its trees. Their types hold numbers only; what makes them unsafe is
which numbers. Building them copies arrays whose types and shapes scikit-learn checks; nothing is
followed before `predict`. Between the two every tree is looked at here: its nodes, and whether
those who hand rows to it, partly without a check of their own, hand over as many columns as it
asks for.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tradewind.errors import ModelError
from tradewind.tensors import Array

AUDITED = (
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils._bunch.Bunch",  # a dictionary
)
"""The types that skops does not know to be harmless, and that are after `check_trees`."""

_TREES = (
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "ExtraTreeClassifier",
    "ExtraTreeRegressor",
)
_FORESTS = (
    "RandomForestClassifier",
    "RandomForestRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "RandomTreesEmbedding",
)
_BOOSTED = ("GradientBoostingClassifier", "GradientBoostingRegressor")
_HISTOGRAMS = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")
_LEAF = -1


def check_trees(model: Any, where: str) -> None:
    """Raise unless every tree that `model` holds is whole and belongs to an estimator it fits.

    Args:
        model: what was loaded, not used yet.
        where: the file.

    Raises:
        ModelError: a node leads nowhere or back, a feature does not exist, or a tree lies where
            nothing here knows how it is used.
    """
    allowed: set[int] = set()
    found: list[tuple[int, str]] = []
    for part in _parts(model):
        kind = type(part).__name__
        if kind == "IsolationForest":
            hint = "where it was trained, write `load_model(estimator).save(Path('m.onnx'))`."
            raise ModelError(where, "trees that can be checked", f"those of {kind}", hint)
        if kind in _FORESTS:
            _check_forest(part, where)
        elif kind in _TREES and hasattr(part, "tree_"):
            _check_tree(part, where)
            allowed.add(id(part.tree_))
        elif kind in _BOOSTED and hasattr(part, "estimators_"):
            _check_boosted(part, where)
        elif kind in _HISTOGRAMS and hasattr(part, "_predictors"):
            allowed |= set(_check_histograms(part, where))
        elif kind in ("Tree", "TreePredictor"):
            found.append((id(part), kind))
    for number, kind in found:
        if number not in allowed:
            raise ModelError(where, "trees inside estimators made of trees", f"a {kind} elsewhere")


def _parts(model: Any) -> Iterator[Any]:
    """Yield everything that can be reached from `model`, each object once."""
    seen: dict[int, Any] = {}
    waiting = [model]
    while waiting:
        part = waiting.pop()
        if id(part) in seen or isinstance(part, str | bytes | int | float | type(None)):
            continue
        seen[id(part)] = part  # kept, so that its number is not given to another
        yield part
        if isinstance(part, dict):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple | set | frozenset):
            waiting += list(part)
        elif isinstance(part, np.ndarray):
            waiting += part.ravel().tolist() if part.dtype == object else []
        waiting += list(getattr(part, "__dict__", {}).values())


def _require(holds: object, where: str, expected: str, got: object) -> None:
    if not holds:
        hint = "the file was changed after it was saved; get it from where it was trained."
        raise ModelError(where, expected, str(got), hint)


def _check_nodes(
    left: Array, right: Array, feature: Array, is_leaf: Array, features: int, where: str
) -> int:
    """Raise unless children follow their parents, as scikit-learn numbers them; return the depth.

    A child that comes after its parent cannot lead back to it.
    """
    count = len(left)
    _require(count, where, "a tree of one node at least", "none")
    numbers = np.arange(count)[~is_leaf]
    for side in (left, right):
        found = side[~is_leaf].astype(np.int64)
        is_good = ((found > numbers) & (found < count)).all()
        _require(is_good, where, f"children after their parents among {count} nodes", "others")
    used = feature[~is_leaf].astype(np.int64)
    is_known = ((used >= 0) & (used < features)).all()
    _require(is_known, where, f"features among {features}", "others")
    depth = np.zeros(count, np.int64)
    for node in numbers.tolist():
        for child in (int(left[node]), int(right[node])):
            depth[child] = depth[node] + 1
    return int(depth.max())


def _check_tree(owner: Any, where: str) -> None:
    tree = owner.tree_
    _require(type(tree).__name__ == "Tree", where, "a tree", type(tree).__name__)
    features = owner.n_features_in_
    _require(
        type(features) is int and tree.n_features == features,
        where,
        f"a tree of {features} features",
        tree.n_features,
    )
    left, right = tree.children_left, tree.children_right
    is_leaf = left == _LEAF
    depth = _check_nodes(left, right, tree.feature, is_leaf, features, where)
    _require(tree.max_depth >= depth, where, f"a depth of {depth}", tree.max_depth)
    _require(tree.node_count == tree.capacity, where, f"{tree.capacity} nodes", tree.node_count)
    outputs = np.atleast_1d(tree.n_classes)
    is_whole = tree.n_outputs == len(outputs) >= 1 and outputs.min() >= 1
    _require(is_whole, where, "an output at least", tree.n_outputs)


def _check_forest(owner: Any, where: str) -> None:
    """A forest hands its rows to its trees without any check."""
    for tree in getattr(owner, "estimators_", []):
        kind = type(tree).__name__
        _require(kind in _TREES, where, "a forest of trees", kind)
        is_same = tree.n_features_in_ == owner.n_features_in_
        expected = f"trees of {owner.n_features_in_} features"
        _require(is_same, where, expected, tree.n_features_in_)


def _check_boosted(owner: Any, where: str) -> None:
    """Compiled code adds the leaves of these to as many columns as there are trees a round."""
    trees = owner.estimators_
    is_table = isinstance(trees, np.ndarray) and trees.dtype == object and trees.ndim == 2
    _require(is_table, where, "rounds of trees", type(trees).__name__)
    for tree in trees.ravel():
        kind = type(tree).__name__
        _require(kind in _TREES, where, "rounds of trees", kind)
        _require(
            tree.n_features_in_ == owner.n_features_in_ and tree.tree_.n_outputs == 1,
            where,
            f"trees of {owner.n_features_in_} features with one output",
            f"{tree.n_features_in_} and {tree.tree_.n_outputs}",
        )
    first = type(owner.init_).__name__
    known = owner.init_ == "zero" if isinstance(owner.init_, str) else first.startswith("Dummy")
    _require(known, where, "rounds that begin with a constant", first)
    begun = owner._raw_predict_init(np.zeros((1, owner.n_features_in_), np.float32))
    _require(
        begun.shape == (1, trees.shape[1]), where, f"{trees.shape[1]} columns", list(begun.shape)
    )


def _check_histograms(owner: Any, where: str) -> Iterator[int]:
    """Raise unless the trees can be walked; yield the number of each."""
    for round_ in owner._predictors:
        for tree in round_:
            kind = type(tree).__name__
            _require(kind == "TreePredictor", where, "rounds of trees", kind)
            nodes = tree.nodes
            is_table = isinstance(nodes, np.ndarray) and nodes.dtype.names is not None
            _require(is_table and nodes.ndim == 1, where, "a table of nodes", type(nodes).__name__)
            if nodes["is_categorical"].any():
                hint = "where it was trained, write `load_model(estimator).save(Path('m.onnx'))`."
                raise ModelError(where, "splits by numbers", "splits by categories", hint)
            is_leaf = nodes["is_leaf"].astype(bool)
            _check_nodes(
                nodes["left"],
                nodes["right"],
                nodes["feature_idx"],
                is_leaf,
                owner.n_features_in_,
                where,
            )
            yield id(tree)

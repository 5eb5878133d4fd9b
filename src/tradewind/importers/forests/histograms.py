"""The histogram gradient boosting of scikit-learn, read from memory where it splits categories.

Source: sklearn/ensemble/_hist_gradient_boosting/_predictor.pyx and gradient_boosting.py of
scikit-learn 1.9.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tradewind.errors import ModelError
from tradewind.importers.forests.forest import (
    LEAF,
    Feature,
    Forest,
    Link,
    Tree,
    check_tree,
    rounded_down,
)
from tradewind.tensors import Array

_KINDS = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")
_LINKS: dict[str, Link] = {"IdentityLink": "identity", "LogLink": "exp"}


def is_histograms(part: Any) -> bool:
    """Whether something is an estimator of histogram gradient boosting."""
    ensembles = sys.modules.get("sklearn.ensemble")
    return ensembles is not None and isinstance(
        part, tuple(getattr(ensembles, kind) for kind in _KINDS)
    )


def splits_categories(part: Any) -> bool:
    """Whether something is fitted histogram gradient boosting with columns of categories."""
    found = getattr(part, "is_categorical_", None)
    return is_histograms(part) and found is not None and bool(np.any(found))


def categories_of(model: Any, where: str) -> dict[int, Array]:
    """Return what stands for the codes 0, 1 … of each column of categories, by column.

    Texts are object[codes], numbers and truth values float64[codes]. Missing values come last in
    scikit-learn and are left out; so is None, which no input can hold.

    Raises:
        ModelError: some are neither texts nor numbers, or only float64 tells them apart.
    """
    if not splits_categories(model):
        return {}
    encoder = model._preprocessor.named_transformers_["encoder"]
    numbers = np.flatnonzero(model.is_categorical_).tolist()
    return {
        number: _values(list(found), f"{where}: column {number}")
        for number, found in zip(numbers, encoder.categories_, strict=True)
    }


def _values(stored: list[Any], where: str) -> Array:
    values = [value for value in stored if value is not None and value == value]
    if any(isinstance(value, str) for value in values):
        if not all(isinstance(value, str) for value in values):
            hint = "make all categories of a column texts."
            raise ModelError(where, "categories that are all texts or all numbers", "both", hint)
        texts = np.empty(len(values), object)
        texts[:] = [str(value) for value in values]
        return texts
    if not all(isinstance(value, bool | int | float | np.number | np.bool_) for value in values):
        hint = "make them texts before training."
        raise ModelError(where, "categories that are texts or numbers", str(values[:1]), hint)
    found = np.array(values, np.float64)
    with np.errstate(over="ignore"):
        rounded = found.astype(np.float32)
    if len(np.unique(rounded)) < len(found):
        hint = "make them texts, or smaller numbers, before training."
        raise ModelError(where, "categories that float32 tells apart", "two that are one", hint)
    return found


def forest_of(model: Any, where: str, *, are_rounded: bool = False) -> Forest:
    """Return the trees of an estimator in memory.

    A threshold may be the very number that a row holds. One that another step computed in float64
    reaches the trees as the nearest float32, and so has the threshold to be, for the two to be
    equal still; a number that came in as float32 wants the float32 below the threshold.

    Args:
        model: fitted.
        where: its name for messages.
        are_rounded: whether numbers are rounded to float32 on their way to the trees.

    Raises:
        ModelError: it holds what ONNX cannot express, or another release fitted it.
    """
    try:
        return _forest(model, where, are_rounded=are_rounded)
    except (AttributeError, KeyError) as error:
        hint = "fit it with scikit-learn 1.6 or newer."
        raise ModelError(where, "an estimator of a known release", str(error), hint) from error


def _forest(model: Any, where: str, *, are_rounded: bool) -> Forest:
    features, order = _columns(model, where)
    outputs = int(model.n_trees_per_iteration_)
    round_to = _nearest if are_rounded else rounded_down
    trees = tuple(
        _tree(tree, order, target, outputs, f"{where}: tree {target} of round {number}", round_to)
        for number, group in enumerate(model._predictors)
        for target, tree in enumerate(group)
    )
    base = np.asarray(model._baseline_prediction, np.float64).reshape(-1)
    if hasattr(model, "classes_"):
        link: Link = "sigmoid" if outputs == 1 else "softmax"
        classes = tuple(model.classes_.tolist())
        return Forest(features, trees, "<=", base, link, classes, looks_up=True)
    kind = type(model._loss.link).__name__
    if kind not in _LINKS:
        hint = "train it with a loss of scikit-learn's own."
        raise ModelError(where, f"one of {', '.join(_LINKS)} after the sums", kind, hint)
    return Forest(features, trees, "<=", base, _LINKS[kind], looks_up=True)


def _columns(model: Any, where: str) -> tuple[tuple[Feature, ...], Array]:
    """Return the columns, and the number of each inside, where those of categories come first."""
    found = categories_of(model, where)
    features = tuple(
        Feature(f"x{column}", _written(found[column]) if column in found else None)
        for column in range(model.n_features_in_)
    )
    plain = [column for column in range(len(features)) if column not in found]
    return features, np.array([*found, *plain], np.int64)


def _written(values: Array) -> tuple[str, ...] | tuple[float, ...]:
    """Return categories as a graph that takes float32 knows them; without any all is missing."""
    if values.dtype == object:
        return tuple(values.tolist())
    return tuple(values.astype(np.float32).tolist()) or (float("nan"),)


def _bits(words: Array) -> Array:
    """Return bool[sets, 256] of uint32[sets, 8]."""
    raw = np.ascontiguousarray(words, dtype="<u4").view(np.uint8)
    return np.unpackbits(raw, axis=1, bitorder="little").astype(bool)


def _nearest(numbers: Array) -> Array:
    """Return the float32 nearest to each number."""
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)


def _tree(
    tree: Any,
    order: Array,
    target: int,
    outputs: int,
    where: str,
    round_to: Callable[[Array], Array],
) -> Tree:
    nodes = tree.nodes
    is_leaf = nodes["is_leaf"].astype(bool)
    is_set = nodes["is_categorical"].astype(bool) & ~is_leaf
    missing_left = nodes["missing_go_to_left"].astype(bool)
    inside = nodes["feature_idx"].astype(np.int64)
    left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
    sets = {}
    for node in np.flatnonzero(is_set).tolist():
        chosen = _bits(tree.raw_left_cat_bitsets[[int(nodes["bitset_idx"][node])]])[0]
        sets[node] = np.flatnonzero(chosen ^ missing_left[node])
    # a set holds what goes away from the missing values, because all that is unknown is one; the
    # encoder before the trees knows every category, also those that were held out
    turned = is_set & missing_left
    return check_tree(
        Tree(
            np.where(is_leaf, LEAF, order[inside]),
            np.where(is_leaf | is_set, 0, round_to(nodes["num_threshold"])).astype(np.float32),
            np.where(turned, right, left),
            np.where(turned, left, right),
            missing_left & ~is_set & ~is_leaf,
            np.where(is_leaf, nodes["value"], 0.0)[:, None],
            target,
            sets,
        ),
        len(order),
        outputs,
        where,
    )

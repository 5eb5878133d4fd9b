"""LightGBM's own model files, which are text.

Source: src/io/gbdt_model_text.cpp and include/LightGBM/tree.h of LightGBM 4.
"""

import json
import re
from collections.abc import Iterator, Mapping
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

_LINKS: dict[str, Link] = {
    "poisson": "exp",
    "gamma": "exp",
    "tweedie": "exp",
    "cross_entropy": "sigmoid",
    "xentropy": "sigmoid",
    "cross_entropy_lambda": "softplus",
    "xentlambda": "softplus",
    **dict.fromkeys(
        (
            "regression",
            "regression_l1",
            "huber",
            "fair",
            "quantile",
            "mape",
            "lambdarank",
            "rank_xendcg",
        ),
        "identity",
    ),
}
_NONE, _ZERO, _NAN = 0, 1, 2
"""What stands for a missing value of a feature."""


def is_lightgbm(head: bytes) -> bool:
    """Say whether a file begins like a model that LightGBM saved."""
    return re.match(rb"tree\r?\nversion=", head) is not None


def read(content: bytes, where: str) -> Forest:
    """Return the trees that a file holds.

    Raises:
        ModelError: it is damaged, or holds what ONNX cannot express.
    """
    try:
        return _forest(content.decode("utf-8").replace("\r\n", "\n"), where)
    except ModelError:
        raise
    except (KeyError, ValueError, TypeError, IndexError, OverflowError, RecursionError) as error:
        got = f"a damaged one ({type(error).__name__}: {error})"
        raise ModelError(where, "a model file of LightGBM", got[:300], "save it again.") from error


def _forest(text: str, where: str) -> Forest:
    trees_text, end, rest = text.partition("\nend of trees")
    if not end:
        hint = "copy or save it again."
        raise ModelError(where, "a whole model file of LightGBM", "one that is cut off", hint)
    head_text, *tree_texts = trees_text.split("\nTree=")
    head = dict(_pairs(head_text))
    count = int(head["max_feature_idx"]) + 1
    outputs = int(head["num_tree_per_iteration"])
    link, scale, classes = _link(head.get("objective", ""), outputs, where)
    # what a random forest adds up is divided by how often
    share = outputs / max(len(tree_texts), 1) if "average_output" in head else 1.0
    raw = [dict(_pairs(one)) for one in tree_texts]
    kinds = _missing(raw, count, where)
    trees = tuple(
        _tree(one, number % outputs, count, outputs, share, f"{where}: tree {number}")
        for number, one in enumerate(raw)
    )
    features = _features(head, rest, trees, kinds, count, where)
    return Forest(features, trees, "<=", np.zeros(outputs), link, classes, scale)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, _, value = line.partition("=")
        yield name, value


def _link(
    objective: str, outputs: int, where: str
) -> tuple[Link, float, tuple[object, ...] | None]:
    """Return what follows the sums, what they are multiplied by before, and the classes."""
    name, *settings = objective.split(" ") if objective else ("",)
    values = dict(one.partition(":")[::2] for one in settings)
    scale = float(values.get("sigmoid", 1))
    if name == "binary":
        return "sigmoid", scale, (0, 1)
    if name == "multiclass":
        return "softmax", 1.0, tuple(range(outputs))
    if name == "multiclassova":
        return "sigmoid", scale, tuple(range(outputs))
    if name in _LINKS:
        return ("signed square" if "sqrt" in settings else _LINKS[name]), 1.0, None
    hint = "an objective of your own has no formula in the file; export the model to ONNX."
    raise ModelError(where, "an objective of LightGBM's own", name or "none", hint)


def _list(raw: Mapping[str, str], name: str, kind: type[int | float]) -> Array:
    return np.array([kind(part) for part in raw.get(name, "").split()], kind)


def _tree(
    raw: Mapping[str, str], target: int, features: int, outputs: int, share: float, where: str
) -> Tree:
    """Return one tree; the file numbers leaves apart from nodes, from -1 down."""
    if int(raw.get("is_linear", 0)):
        hint = "train it without `linear_tree`; ONNX has no trees with a formula at each leaf."
        raise ModelError(where, "leaves that are numbers", "a linear model at each leaf", hint)
    leaves, split = _list(raw, "leaf_value", float) * share, _list(raw, "split_feature", int)
    inner, count = len(split), len(split) + len(leaves)
    if len(leaves) != inner + 1 or int(raw["num_leaves"]) != len(leaves):
        raise ModelError(where, f"{raw['num_leaves']} leaves", f"{len(leaves)} with {inner} splits")
    decisions = _list(raw, "decision_type", int)
    threshold = _list(raw, "threshold", float)
    children = {}
    for name, side in (("left_child", "yes"), ("right_child", "no")):
        found = _list(raw, name, int)
        children[side] = np.zeros(count, np.int64)
        children[side][:inner] = np.where(found < 0, inner + ~found, found)
    is_set = (decisions & 1).astype(bool)
    missing = np.zeros(count, bool)
    # without a missing value of its own NaN is taken for 0; in sets it is never found
    is_default = np.where(decisions >> 2 & 3 == _NONE, threshold >= 0, (decisions & 2).astype(bool))
    missing[:inner] = is_default & ~is_set
    bounds = np.zeros(count, np.float32)
    bounds[:inner] = np.where(is_set, 0, rounded_down(threshold))
    tree = Tree(
        np.concatenate([split, np.full(len(leaves), LEAF)]).astype(np.int64),
        bounds,
        children["yes"],
        children["no"],
        missing,
        np.concatenate([np.zeros(inner), leaves])[:, None],
        target,
        _sets(raw, is_set, threshold),
    )
    return check_tree(tree, features, outputs, where)


def _sets(raw: Mapping[str, str], is_set: Array, threshold: Array) -> dict[int, Array]:
    """Return the categories of each node that has some, from sets of bits."""
    bounds, words = _list(raw, "cat_boundaries", int), _list(raw, "cat_threshold", int)
    found = {}
    for node in np.flatnonzero(is_set).tolist():
        number = int(threshold[node])
        part = words[bounds[number] : bounds[number + 1]].astype(np.uint32)
        found[node] = np.flatnonzero(np.unpackbits(part.view(np.uint8), bitorder="little"))
    return found


def _missing(raw: list[dict[str, str]], features: int, where: str) -> Array:
    """Return what stands for a missing value of each feature, int[features]."""
    found = np.full(features, _NONE)
    seen = np.zeros(features, bool)
    for one in raw:
        split, decisions = _list(one, "split_feature", int), _list(one, "decision_type", int)
        for feature, decision in zip(split.tolist(), decisions.tolist(), strict=True):
            kind = decision >> 2 & 3
            if decision & 1 or not 0 <= feature < features:
                continue
            if seen[feature] and (kind == _ZERO) != (found[feature] == _ZERO):
                hint = "train all trees with the same `zero_as_missing`."
                got = "0 missing at some nodes only"
                raise ModelError(f"{where}: feature {feature}", "one missing value", got, hint)
            found[feature], seen[feature] = kind, True
    return found


def _features(
    head: Mapping[str, str],
    rest: str,
    trees: tuple[Tree, ...],
    kinds: Array,
    count: int,
    where: str,
) -> tuple[Feature, ...]:
    names = head["feature_names"].split(" ")
    if len(names) != count or len(set(names)) != count:
        raise ModelError(where, f"{count} names of features", f"{len(set(names))}")
    categories = _categories(head, rest, where)
    with_sets = {int(tree.feature[node]) for tree in trees for node in tree.sets}
    return tuple(
        Feature(
            name,
            categories.get(number),
            "to zero" if number in with_sets and number not in categories else None,
            bool(kinds[number] == _ZERO),
        )
        for number, name in enumerate(names)
    )


def _categories(head: Mapping[str, str], rest: str, where: str) -> dict[int, tuple[Any, ...]]:
    """Return what pandas had for the codes 0, 1 … of each column of categories."""
    line = re.search(r"^pandas_categorical:(.*)$", rest, re.MULTILINE)
    lists = (json.loads(line[1]) if line else None) or []
    if not lists:
        return {}
    told = re.search(r"^\[categorical_feature: ([\d,]*)\]$", rest, re.MULTILINE)
    if told:
        numbers = sorted(int(number) for number in told[1].split(",") if number)
    else:
        infos = enumerate(head["feature_infos"].split(" "))
        numbers = [number for number, info in infos if info != "none" and info[0] != "["]
    if len(numbers) != len(lists):
        hint = "it does not say whose; make ordered columns numbers before training."
        got = f"categories of {len(lists)}"
        raise ModelError(where, f"categories of the {len(numbers)} columns", got, hint)
    return {number: _typed(values, where) for number, values in zip(numbers, lists, strict=True)}


def _typed(values: list[object], where: str) -> tuple[Any, ...]:
    if all(isinstance(value, str) for value in values):
        return tuple(values)
    if all(isinstance(value, int | float) for value in values):
        return tuple(float(value) for value in values if isinstance(value, int | float))
    hint = "make all categories of a column texts."
    raise ModelError(where, "categories that are all texts or all numbers", "both", hint)

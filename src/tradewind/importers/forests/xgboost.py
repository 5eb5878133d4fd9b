"""XGBoost's own model files, `.json` and `.ubj`, read as data.

Source: doc/model.schema of XGBoost 3, and src/tree/tree_model.cc for the fields of a tree.
"""

import json
from itertools import pairwise
from typing import Any

import numpy as np

from tradewind.errors import ModelError
from tradewind.importers.forests import ubjson
from tradewind.importers.forests.forest import LEAF, Feature, Forest, Link, Tree, check_tree
from tradewind.tensors import Array

_BINARY: dict[str, Link] = {
    "binary:logistic": "sigmoid",
    "binary:hinge": "step",
}
_LINKS: dict[str, Link] = {
    "reg:logistic": "sigmoid",
    "binary:logitraw": "identity",  # answers with the sums, not with probabilities
    "count:poisson": "exp",
    "reg:gamma": "exp",
    "reg:tweedie": "exp",
    "survival:cox": "exp",
    "survival:aft": "exp",
    **dict.fromkeys(
        (
            "reg:squarederror",
            "reg:linear",
            "reg:squaredlogerror",
            "reg:pseudohubererror",
            "reg:absoluteerror",
            "reg:quantileerror",
            "reg:expectileerror",
            "rank:pairwise",
            "rank:ndcg",
            "rank:map",
        ),
        "identity",
    ),
}
_PROBABILITY = ("binary:logistic", "reg:logistic")
"""Objectives whose `base_score` is a probability, which is added as its logit."""


def is_xgboost(head: bytes) -> bool:
    """Say whether a file begins like a model that XGBoost saved."""
    text = head.lstrip(b" \t\r\n")
    if text.startswith(b"{L") and text[10:17] == b"learner":
        return True
    return (
        text.startswith(b"{")
        and text[1:].lstrip().startswith((b'"learner"', b'"version"'))
        and (b'"learner"' in head)
    )


def read(content: bytes, where: str, *, is_wrapper: bool = False) -> tuple[Forest, int | None]:
    """Return the trees, or the weights of `gblinear`, that a file holds.

    Args:
        content: of the file.
        where: its name.
        is_wrapper: whether it comes from a wrapper, which after early stopping answers with the
            best rounds only; a file says so itself.

    Returns:
        The forest, with the number of rounds that count where not all do.

    Raises:
        ModelError: it is damaged, or holds what ONNX cannot express.
    """
    try:
        is_binary = content[1:2] == b"L"
        document = ubjson.parse(content, where) if is_binary else json.loads(content)
        learner = document["learner"]
        rounds = _rounds(learner, is_wrapper=is_wrapper)
        return _forest(learner, rounds, where), rounds
    except ModelError:
        raise
    except (
        KeyError,
        ValueError,
        TypeError,
        IndexError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        got = f"a damaged one ({type(error).__name__}: {error})"
        raise ModelError(where, "a model file of XGBoost", got[:300], "save it again.") from error


def _rounds(learner: dict[str, Any], *, is_wrapper: bool) -> int | None:
    attributes = learner.get("attributes") or {}
    if "best_iteration" not in attributes or not (is_wrapper or "scikit_learn" in attributes):
        return None
    return int(attributes["best_iteration"]) + 1


def _forest(learner: dict[str, Any], rounds: int | None, where: str) -> Forest:
    parameters = learner["learner_model_param"]
    count = int(parameters["num_feature"])
    classes = int(parameters.get("num_class", 0))
    outputs = max(1, classes, int(parameters.get("num_target", 1)))
    objective = learner["objective"]["name"]
    booster, drops = learner["gradient_booster"], None
    kind = booster["name"]
    if kind == "dart":
        drops = np.asarray(booster["weight_drop"], np.float64)
        booster = booster["gbtree"]
    link, labels = _link(objective, classes, where)
    base = _base(parameters["base_score"], objective, outputs)
    if kind == "gblinear":
        flat = np.asarray(booster["model"]["weights"], np.float64).reshape(count + 1, outputs)
        features = _features(learner, [], count, where)
        return Forest(features, (), "<", base + flat[-1], link, labels, weights=flat[:-1])
    model = booster["model"]
    trees = [
        _tree(tree, int(target), count, outputs, f"{where}: tree {number}")
        for number, (tree, target) in enumerate(
            zip(model["trees"], model["tree_info"], strict=True)
        )
    ]
    if rounds is not None:
        trees = trees[: int(model["iteration_indptr"][rounds])]
    if drops is not None:
        drops = drops[: len(trees)]
        trees = [_scaled(tree, drop) for tree, drop in zip(trees, drops, strict=True)]
    return Forest(_features(learner, trees, count, where), tuple(trees), "<", base, link, labels)


def _link(objective: str, classes: int, where: str) -> tuple[Link, tuple[object, ...] | None]:
    if objective in ("multi:softprob", "multi:softmax"):
        return "softmax", tuple(range(classes))
    if objective in _BINARY:
        return _BINARY[objective], (0, 1)
    if objective in _LINKS:
        return _LINKS[objective], None
    known = "an objective of XGBoost's own"
    hint = "an objective of your own has no formula in the file; export the model to ONNX."
    raise ModelError(where, known, objective, hint)


def _base(text: object, objective: str, outputs: int) -> Array:
    """Return float32[outputs], in the unit of the sums."""
    found = json.loads(text) if isinstance(text, str) else text
    score = np.broadcast_to(np.asarray(found, np.float32), (outputs,))
    if objective in _PROBABILITY:
        return np.asarray(-np.log(np.float32(1) / score - np.float32(1)), np.float64)
    if _LINKS.get(objective) == "exp":
        return np.asarray(np.log(score), np.float64)
    return score.astype(np.float64)


def _tree(raw: dict[str, Any], target: int, features: int, outputs: int, where: str) -> Tree:
    yes_is_right = np.asarray(raw.get("split_type", []), np.int64) == 1
    left, right = (np.asarray(raw[f"{side}_children"], np.int64) for side in ("left", "right"))
    default_left = np.asarray(raw["default_left"]).astype(bool)
    is_leaf = left == LEAF
    threshold = np.asarray(raw["split_conditions"], np.float32)
    width = int(raw["tree_param"].get("size_leaf_vector", 1))
    if width > 1:
        leaf = _vectors(raw, is_leaf, width)
    else:
        leaf = np.where(is_leaf, threshold, 0).astype(np.float64)[:, None]
    # a category among those of the node goes right; so `yes` is the right side there
    swaps = yes_is_right if len(yes_is_right) else np.zeros(len(left), bool)
    tree = Tree(
        np.where(is_leaf, LEAF, np.asarray(raw["split_indices"], np.int64)),
        threshold,
        np.where(swaps, right, left),
        np.where(swaps, left, right),
        default_left ^ swaps,
        leaf,
        0 if width > 1 else target,
        _sets(raw, where),
    )
    return check_tree(tree, features, outputs, where)


def _vectors(raw: dict[str, Any], is_leaf: Array, width: int) -> Array:
    """Return the leaves of a tree that predicts several targets at once."""
    found = np.asarray(raw["base_weights"], np.float64).reshape(len(is_leaf), width)
    return np.where(is_leaf[:, None], found, 0)


def _sets(raw: dict[str, Any], where: str) -> dict[int, Array]:
    codes = np.asarray(raw.get("categories", []), np.int64)
    found = {}
    for node, start, size in zip(
        np.asarray(raw.get("categories_nodes", [])).tolist(),
        np.asarray(raw.get("categories_segments", [])).tolist(),
        np.asarray(raw.get("categories_sizes", [])).tolist(),
        strict=True,
    ):
        if not 0 <= start <= start + size <= len(codes):
            raise ModelError(where, f"categories among {len(codes)}", f"{start} to {start + size}")
        found[int(node)] = codes[start : start + size]
    return found


def _scaled(tree: Tree, weight: float) -> Tree:
    return Tree(
        tree.feature,
        tree.threshold,
        tree.yes,
        tree.no,
        tree.missing_yes,
        tree.leaf * np.float32(weight),
        tree.target,
        tree.sets,
    )


def _features(
    learner: dict[str, Any], trees: list[Tree], count: int, where: str
) -> tuple[Feature, ...]:
    names = [str(name) for name in learner.get("feature_names") or ()]
    names = names or [f"x{number}" for number in range(count)]
    types = list(learner.get("feature_types") or ["float"] * count)
    if len(names) != count or len(types) != count or len(set(names)) != count:
        raise ModelError(where, f"{count} names of features", f"{len(names)}")
    model = learner["gradient_booster"]
    stored = model.get("gbtree", model).get("model", {}).get("cats", {}).get("enc") or []
    categories = [_categories(one) for one in stored] if len(stored) == count else [None] * count
    with_sets = {int(tree.feature[node]) for tree in trees for node in tree.sets}
    return tuple(
        Feature(
            names[number],
            categories[number],
            # below 0 is no category and must not round up to one
            "down" if number in with_sets and categories[number] is None else None,
        )
        for number in range(count)
    )


def _categories(stored: dict[str, Any]) -> tuple[str, ...] | tuple[float, ...] | None:
    """Return what stood for the codes 0, 1 … in the training data; None if nothing did."""
    values = np.asarray(stored.get("values", []))
    if not len(values):
        return None
    if "offsets" not in stored:
        return tuple(float(value) for value in values)
    ends = np.asarray(stored["offsets"], np.int64).tolist()
    content = values.astype(np.int64).astype(np.uint8).tobytes()
    return tuple(content[a:b].decode() for a, b in pairwise(ends))

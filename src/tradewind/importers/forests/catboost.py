"""CatBoost's own model files, as JSON.

Source: catboost/libs/model/model_export/json_model_helpers.cpp of CatBoost 1.2.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, final

import numpy as np

from tradewind.errors import ModelError
from tradewind.importers.forests.catboost_statistics import KEEP_TEXTS, Element, Statistics
from tradewind.importers.forests.forest import LEAF, Feature, Forest, Link, Part, Tree, check_tree
from tradewind.tensors import Array

_EXP = ("Poisson", "Tweedie")
_IDENTITY = (
    "RMSE",
    "MAE",
    "Quantile",
    "MultiQuantile",
    "LogLinQuantile",
    "MAPE",
    "Huber",
    "Expectile",
    "LogCosh",
    "Lq",
    "MultiRMSE",
    "MultiRMSEWithMissingValues",
    "YetiRank",
    "YetiRankPairwise",
    "PairLogit",
    "PairLogitPairwise",
    "QueryRMSE",
    "QuerySoftMax",
    "StochasticRank",
    "LambdaMart",
)
MAX_DEPTH = 16


def is_catboost(head: bytes) -> bool:
    """Say whether a file begins like a model that CatBoost saved as JSON."""
    start = head.lstrip()[1:].lstrip()
    names = (b'"ctr_data"', b'"features_info"', b'"oblivious_trees"', b'"model_info"')
    return head.lstrip().startswith(b"{") and start.startswith(names)


def read(content: bytes, where: str) -> Forest:
    """Return the trees that a file holds.

    Raises:
        ModelError: it is damaged, or holds what ONNX cannot express.
    """
    try:
        return _Reading(json.loads(content), where).forest()
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
        raise ModelError(where, "a model file of CatBoost", got[:300], "save it again.") from error


@final
class _Reading:
    """One document on its way to a forest."""

    def __init__(self, document: Mapping[str, Any], where: str) -> None:
        self._document = document
        self._where = where
        infos = document["features_info"]
        for kind in ("text_features", "embedding_features"):
            if infos.get(kind):
                hint = "turn them into numbers before the model, or train without them."
                got = kind.replace("_", " ")
                raise ModelError(where, "features that are numbers or categories", got, hint)
        self._floats: list[dict[str, Any]] = infos.get("float_features") or []
        self._texts: list[dict[str, Any]] = infos.get("categorical_features") or []
        self._known = {
            int(one["hash"]) & 0xFFFFFFFF: str(one["value"])
            for one in infos.get("cat_features_hash") or ()
        }
        # the categories that each column is asked for, in the order of their codes
        self._asked: dict[int, dict[int, int]] = {}
        self._statistics = Statistics(document, self._known, where)

    def forest(self) -> Forest:
        scale, bias = self._document["scale_and_bias"]
        base = np.atleast_1d(np.asarray(bias, np.float64))
        link, classes = self._link()
        if link == "softmax" or (classes is not None and len(classes) > 2):
            assert classes is not None
            base = np.resize(base, len(classes)) if len(base) == 1 else base
        raw = self._document.get("oblivious_trees")
        nested = self._document.get("trees") or ()
        count = len(self._floats) + len(self._texts) + len(self._statistics)
        trees = []
        for number, one in enumerate(raw if raw is not None else nested):
            where = f"{self._where}: tree {number}"
            grown = self._level(one, where) if raw is not None else self._nested(one)
            tree = grown.tree(float(scale))
            if len(base) == 1 != tree.width:
                base = np.resize(base, tree.width)
            trees.append(check_tree(tree, count, len(base), where))
        statistics = self._statistics.coded(self._part, self._code)
        features = self._features()  # which know the categories that trees and statistics ask for
        return Forest(features, tuple(trees), ">", base, link, classes, statistics=statistics)

    def _link(self) -> tuple[Link, tuple[object, ...] | None]:
        about = self._document["model_info"]
        told = about["params"]["loss_function"]
        name = (told["type"] if isinstance(told, Mapping) else str(told)).split(":")[0]
        labels = (about.get("class_params") or {}).get("class_names")
        if name in ("Logloss", "CrossEntropy"):
            return "sigmoid", tuple(labels or (0, 1))
        if name in ("MultiClass", "MultiClassOneVsAll"):
            return ("softmax" if name == "MultiClass" else "sigmoid"), tuple(labels or ())
        if name in _EXP:
            return "exp", None
        if name in _IDENTITY:
            return "identity", None
        raise ModelError(self._where, "a loss function whose answers are known", name)

    def _level(self, raw: Mapping[str, Any], where: str) -> "_Growing":
        """Return a tree that asks all nodes of one depth the same."""
        splits = raw.get("splits") or []
        values = np.asarray(raw["leaf_values"], np.float64)
        if len(splits) > MAX_DEPTH or not len(values) or len(values) % 2 ** len(splits):
            raise ModelError(where, f"leaves of {len(splits)} splits", f"{len(values)} numbers")
        leaves = values.reshape(2 ** len(splits), -1)
        asked = [self._question(split, where) for split in splits]
        growing = _Growing()

        def grow(depth: int, reached: int) -> int:
            if depth == len(asked):
                return growing.leaf(leaves[reached])
            node = growing.ask(*asked[depth])
            growing.lead(node, grow(depth + 1, reached | 1 << depth), grow(depth + 1, reached))
            return node

        grow(0, 0)
        return growing

    def _nested(self, raw: Mapping[str, Any]) -> "_Growing":
        """Return a tree whose nodes each ask something of their own."""
        growing = _Growing()

        def grow(one: Mapping[str, Any]) -> int:
            if "split" not in one:
                return growing.leaf(np.atleast_1d(np.asarray(one["value"], np.float64)))
            node = growing.ask(*self._question(one["split"], self._where))
            growing.lead(node, grow(one["right"]), grow(one["left"]))
            return node

        grow(raw)
        return growing

    def _question(self, split: Mapping[str, Any], where: str) -> tuple[int, float, bool, int]:
        """Return feature, threshold, where missing values go, and the category or -1."""
        kind = split["split_type"]
        if kind == "FloatFeature":
            return *self._bound(split), -1
        if kind == "OneHotFeature":
            column = int(split["cat_feature_index"])
            flat = int(self._texts[column]["flat_feature_index"])
            return flat, 0.0, False, self._code(column, int(split["value"]), where)
        if kind == "OnlineCtr":
            number, border, is_yes = self._statistics.question(split, where)
            return len(self._floats) + len(self._texts) + number, border, is_yes, -1
        raise ModelError(where, "splits by numbers, categories or their statistics", str(kind))

    def _bound(self, split: Mapping[str, Any]) -> tuple[int, float, bool]:
        """Return feature, threshold, and where missing values go."""
        feature = self._floats[split["float_feature_index"]]
        is_yes = feature.get("nan_value_treatment") == "AsTrue"
        return int(feature["flat_feature_index"]), float(split["border"]), is_yes

    def _code(self, column: int, value: int, where: str = "") -> int:
        """Return the code of a category, by its hash."""
        if value & 0xFFFFFFFF not in self._known:
            got = "numbers that they were hashed to"
            raise ModelError(where or self._where, "the texts of its categories", got, KEEP_TEXTS)
        asked = self._asked.setdefault(int(self._texts[column]["flat_feature_index"]), {})
        return asked.setdefault(value & 0xFFFFFFFF, len(asked))

    def _part(self, element: Element) -> Part:
        """Return what a combination takes from a column."""
        if element["combination_element"] == "float_feature":
            feature, border, is_yes = self._bound(element)
            return Part(feature, border, None, is_yes)
        column = int(element["cat_feature_index"])
        feature = int(self._texts[column]["flat_feature_index"])
        if element["combination_element"] == "cat_feature_value":
            return Part(feature)
        return Part(feature, None, self._code(column, int(element["value"])))

    def _features(self) -> tuple[Feature, ...]:
        count = len(self._floats) + len(self._texts)
        found: dict[int, Feature] = {}
        for one in (*self._floats, *self._texts):
            number = int(one["flat_feature_index"])
            name = str(one.get("feature_name") or one.get("feature_id") or f"x{number}")
            categories = None
            if one in self._texts:
                asked = self._asked.get(number, {})
                categories = tuple(self._known[value] for value in asked) or ("",)
            found[number] = Feature(name, categories)
        if sorted(found) != list(range(count)) or len({f.name for f in found.values()}) != count:
            raise ModelError(self._where, f"{count} features", "gaps between them")
        return tuple(found[number] for number in range(count))


@final
class _Growing:
    """A tree that grows node by node."""

    def __init__(self) -> None:
        self._nodes: list[tuple[int, float, bool]] = []
        self._children: dict[int, tuple[int, int]] = {}
        self._leaves: dict[int, Array] = {}
        self._sets: dict[int, Array] = {}

    def ask(self, feature: int, threshold: float, missing_yes: bool, code: int) -> int:
        self._nodes.append((feature, threshold, missing_yes))
        if code >= 0:
            self._sets[len(self._nodes) - 1] = np.array([code], np.int64)
        return len(self._nodes) - 1

    def leaf(self, values: Array) -> int:
        self._nodes.append((LEAF, 0.0, False))
        self._leaves[len(self._nodes) - 1] = values
        return len(self._nodes) - 1

    def lead(self, node: int, yes: int, no: int) -> None:
        self._children[node] = (yes, no)

    def tree(self, scale: float) -> Tree:
        features, thresholds, missing = zip(*self._nodes, strict=True)
        pairs = np.array([self._children.get(node, (0, 0)) for node in self._numbers()], np.int64)
        width = max(len(values) for values in self._leaves.values())
        nothing = np.zeros(width)
        leaves = np.stack([self._leaves.get(node, nothing) for node in self._numbers()])
        return Tree(
            np.array(features, np.int64),
            np.array(thresholds, np.float32),
            pairs[:, 0],
            pairs[:, 1],
            np.array(missing, bool),
            leaves * scale,
            0,
            self._sets,
        )

    def _numbers(self) -> Iterator[int]:
        return iter(range(len(self._nodes)))

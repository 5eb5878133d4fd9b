"""The trees of an ONNX graph, for runtimes that compute nothing else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tradewind.errors import UnsupportedModel
from tradewind.tensors import Array

DOMAIN = "ai.onnx.ml"
OPERATORS = ("TreeEnsembleRegressor", "TreeEnsemble")
"""Both add up leaves; `TreeEnsembleClassifier` has rules of its own about labels."""

_MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT")
_SUM = ("SUM", b"SUM", 1)
_NONE = ("NONE", b"NONE", 0)


@final
@dataclass(frozen=True)
class Step:
    """One node of a tree, told after its parent.

    Args:
        parent: the number of the step before which this follows; -1 for a root.
        is_second: on which side of the parent this lies.
        feature: the column that is asked; -1 for a leaf.
        threshold: rows with a value that is not above go to the first side, the others to the
            second.
        is_missing_first: whether rows without a value go to the first side.
        weights: what a leaf adds, as pairs of target and weight.
    """

    parent: int
    is_second: bool
    feature: int = -1
    threshold: float = 0.0
    is_missing_first: bool = False
    weights: tuple[tuple[int, float], ...] = ()


@final
@dataclass(frozen=True, eq=False)
class Ensemble:
    """Everything that one operator adds up."""

    targets: int
    base: tuple[float, ...]
    trees: tuple[tuple[Step, ...], ...]


def read_ensemble(node: onnx.NodeProto, where: str) -> Ensemble:
    """Return what a node holds.

    Raises:
        UnsupportedModel: it asks for a category, or does more than add up.
    """
    values = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    name = f"{where}: {node.name or node.op_type}"
    for setting, plain in (("aggregate_function", _SUM), ("post_transform", _NONE)):
        if values.get(setting, plain[0]) not in plain:
            got = f"{setting} {values[setting]!r}"
            raise UnsupportedModel(name, "leaves that are added up and nothing else", got)
    targets = int(values.get("n_targets", 1))
    base = tuple(float(value) for value in values.get("base_values", ())) or (0.0,) * targets
    table = (
        _Older(values, name) if node.op_type == "TreeEnsembleRegressor" else _Newer(values, name)
    )
    trees = tuple(tuple(_steps(table, root)) for root in table.roots())
    return Ensemble(targets, base, trees)


def _steps(table: "_Older | _Newer", root: Any) -> Iterator[Step]:
    """Yield the nodes of a tree, each after its parent; a leaf is known by its weights."""
    waiting: list[tuple[Any, int, bool]] = [(root, -1, False)]
    number = 0
    while waiting:
        place, parent, is_second = waiting.pop()
        weights = table.weights(place)
        if weights is not None:
            yield Step(parent, is_second, weights=weights)
        else:
            feature, mode, value, missing_yes, yes, no = table.question(place)
            # rows that are not above the threshold pass `<=` and `<`, and fail the others
            is_yes_first = mode in _MODES[:2]
            is_strict = mode in ("BRANCH_LT", "BRANCH_GTE")
            bound = np.nextafter(value, np.float32(-np.inf)) if is_strict else value
            yield Step(parent, is_second, feature, float(bound), missing_yes == is_yes_first)
            first, second = (yes, no) if is_yes_first else (no, yes)
            waiting += [(second, number, True), (first, number, False)]
        number += 1


def _known(mode: str, where: str) -> str:
    if mode not in _MODES:
        hint = "ONNX Runtime runs it."
        raise UnsupportedModel(where, "questions about numbers", f"{mode} about a category", hint)
    return mode


def _floats(values: Mapping[str, Any], name: str) -> Array:
    """Return float32 values of an attribute that is a list in one form and a tensor in another."""
    tensor = values.get(f"{name}_as_tensor", values.get(name, ()))
    found = numpy_helper.to_array(tensor) if isinstance(tensor, onnx.TensorProto) else tensor
    return np.asarray(found, np.float32)


class _Older:
    """`TreeEnsembleRegressor`, whose leaves are nodes, and whose nodes have numbers in a tree."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._where = where
        self._modes = [mode.decode() for mode in values["nodes_modes"]]
        self._trees = [int(number) for number in values["nodes_treeids"]]
        self._features = values["nodes_featureids"]
        self._values = _floats(values, "nodes_values")
        self._yes, self._no = values["nodes_truenodeids"], values["nodes_falsenodeids"]
        count = len(self._trees)
        self._missing = values.get("nodes_missing_value_tracks_true") or [0] * count
        keys = zip(self._trees, values["nodes_nodeids"], strict=True)
        self._places = {key: place for place, key in enumerate(keys)}
        self._weights: dict[int, list[tuple[int, float]]] = {}
        for tree, node, target, weight in zip(
            values["target_treeids"],
            values["target_nodeids"],
            values["target_ids"],
            _floats(values, "target_weights").tolist(),
            strict=True,
        ):
            self._weights.setdefault(self._places[tree, node], []).append((target, weight))

    def roots(self) -> Iterator[int]:
        # the first that is told of each tree
        yield from dict(
            zip(reversed(self._trees), reversed(range(len(self._trees))), strict=True)
        ).values()

    def weights(self, place: int) -> tuple[tuple[int, float], ...] | None:
        if self._modes[place] != "LEAF":
            return None
        return tuple(self._weights.get(place, ()))

    def question(self, place: int) -> tuple[int, str, Any, bool, int, int]:
        tree = self._trees[place]
        return (
            int(self._features[place]),
            _known(self._modes[place], self._where),
            self._values[place],
            bool(self._missing[place]),
            self._places[tree, self._yes[place]],
            self._places[tree, self._no[place]],
        )


class _Newer:
    """`TreeEnsemble`, whose leaves have a list of their own."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._where = where
        self._roots = values["tree_roots"]
        self._modes = numpy_helper.to_array(values["nodes_modes"])
        self._features = values["nodes_featureids"]
        self._splits = _floats(values, "nodes_splits")
        count = len(self._features)
        self._missing = values.get("nodes_missing_value_tracks_true") or [0] * count
        self._yes = list(zip(values["nodes_trueleafs"], values["nodes_truenodeids"], strict=True))
        self._no = list(zip(values["nodes_falseleafs"], values["nodes_falsenodeids"], strict=True))
        self._targets = values["leaf_targetids"]
        self._weights = _floats(values, "leaf_weights").tolist()

    def roots(self) -> Iterator[tuple[int, int]]:
        for root in self._roots:
            # a tree of a single leaf is written as a question with that leaf on both sides
            is_leaf = self._yes[root] == self._no[root] and self._yes[root][0]
            yield self._yes[root] if is_leaf else (0, root)

    def weights(self, place: tuple[int, int]) -> tuple[tuple[int, float], ...] | None:
        is_leaf, number = place
        return ((self._targets[number], self._weights[number]),) if is_leaf else None

    def question(
        self, place: tuple[int, int]
    ) -> tuple[int, str, Any, bool, tuple[int, int], tuple[int, int]]:
        number = place[1]
        mode = int(self._modes[number])
        name = _MODES[mode] if mode < len(_MODES) else "BRANCH_EQ or BRANCH_MEMBER"
        return (
            int(self._features[number]),
            _known(name, self._where),
            self._splits[number],
            bool(self._missing[number]),
            self._yes[number],
            self._no[number],
        )

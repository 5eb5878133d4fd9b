"""The trees of one ONNX operator, walked through for many rows at once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import onnx
from onnx import helper

from tradewind.errors import PassError
from tradewind.tensors import Array

LEAF = -1
_MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
_OPERATORS = {"TreeEnsembleRegressor": "target", "TreeEnsembleClassifier": "class"}


@final
@dataclass(frozen=True, eq=False)
class Tree:
    """One tree; its root is node 0.

    Args:
        feature: int64[nodes], the column that is asked; `LEAF` of a leaf.
        mode: int64[nodes], the place of the question among ONNX's.
        threshold: float32[nodes].
        missing_yes: bool[nodes], whether a row without a value goes the way of a yes.
        yes: int64[nodes], where a yes leads; of a leaf to itself.
        no: int64[nodes].
        values: float64[nodes, targets], what a leaf adds.
        targets: int64[targets], to what it adds.
    """

    feature: Array
    mode: Array
    threshold: Array
    missing_yes: Array
    yes: Array
    no: Array
    values: Array
    targets: Array

    def places(self, rows: Array) -> Array:
        """Return the leaf that each row comes to, int64[rows]."""
        at = np.zeros(len(rows), np.int64)
        every = np.arange(len(rows))
        while (moving := self.feature[at] != LEAF).any():
            value, bound = rows[every, np.maximum(self.feature[at], 0)], self.threshold[at]
            answers = np.select(
                [self.mode[at] == mode for mode in range(len(_MODES))],
                [value <= bound, value < bound, value >= bound, value > bound,
                 value == bound, value != bound],
            )  # fmt: skip
            is_yes = answers.astype(bool) | (np.isnan(value) & self.missing_yes[at])
            at = np.where(moving, np.where(is_yes, self.yes[at], self.no[at]), at)
        return at

    def down_to(self, depth: int) -> "Tree":
        """Return the tree with a leaf wherever it was deeper; what these add is yet unknown: 0."""
        levels = np.zeros(len(self.feature), np.int64)
        order, waiting = [], [0]
        while waiting:
            node = waiting.pop()
            order.append(node)
            if self.feature[node] != LEAF and levels[node] < depth:
                for child in (int(self.no[node]), int(self.yes[node])):
                    levels[child] = levels[node] + 1
                    waiting.append(child)
        kept = np.array(order)
        is_leaf = (self.feature[kept] == LEAF) | (levels[kept] >= depth)
        number = np.zeros(len(self.feature), np.int64)
        number[kept] = np.arange(len(kept))
        own = np.arange(len(kept))
        return replace(
            self,
            feature=np.where(is_leaf, LEAF, self.feature[kept]),
            mode=self.mode[kept],
            threshold=self.threshold[kept],
            missing_yes=self.missing_yes[kept],
            yes=np.where(is_leaf, own, number[self.yes[kept]]),
            no=np.where(is_leaf, own, number[self.no[kept]]),
            values=np.where((self.feature[kept] == LEAF)[:, None], self.values[kept], 0.0),
        )


@final
@dataclass(frozen=True, eq=False)
class Forest:
    """All trees of one operator."""

    trees: tuple[Tree, ...]
    targets: int
    is_mean: bool  # whether the mean over trees is taken, and not the sum


def is_forest(node: onnx.NodeProto) -> bool:
    """Say whether a node holds trees that can be read here."""
    return node.op_type in _OPERATORS and node.domain == "ai.onnx.ml"


def read_forest(node: onnx.NodeProto, where: str) -> Forest:
    """Return the trees of a node.

    Raises:
        PassError: they are stored in double precision, ask about sets, or are not added up.
    """
    held: dict[str, Any] = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    strange = [name for name in held if name.endswith("_as_tensor")]
    if strange:
        raise PassError(where, "trees in single precision", strange[0])
    rule = held.get("aggregate_function", b"SUM")
    if rule not in (b"SUM", b"AVERAGE"):
        raise PassError(where, "trees that are added up", rule.decode())
    modes = [mode.decode() for mode in held["nodes_modes"]]
    unknown = set(modes) - {*_MODES, "LEAF"}
    if unknown:
        raise PassError(where, f"one of {', '.join(_MODES)}", min(unknown))
    prefix = _OPERATORS[node.op_type]
    places: defaultdict[int, list[int]] = defaultdict(list)
    for place, tree in enumerate(held["nodes_treeids"]):
        places[tree].append(place)
    leaves: defaultdict[int, list[tuple[int, int, float]]] = defaultdict(list)
    for tree, leaf, target, weight in zip(
        *(held[f"{prefix}_{name}"] for name in ("treeids", "nodeids", "ids", "weights")),
        strict=True,
    ):
        leaves[tree].append((leaf, target, weight))
    trees = tuple(_tree(held, modes, places[tree], leaves[tree]) for tree in sorted(places))
    highest = max(held[f"{prefix}_ids"], default=0) + 1
    return Forest(trees, max(int(held.get("n_targets", 1)), highest), rule == b"AVERAGE")


def _tree(
    held: dict[str, Any],
    modes: list[str],
    places: list[int],
    leaves: list[tuple[int, int, float]],
) -> Tree:
    number = {held["nodes_nodeids"][place]: index for index, place in enumerate(places)}
    targets = sorted({target for _, target, _ in leaves}) or [0]
    values = np.zeros((len(places), len(targets)))
    for leaf, target, weight in leaves:
        values[number[leaf], targets.index(target)] += weight
    is_leaf = np.array([modes[place] == "LEAF" for place in places])
    own = np.arange(len(places))
    missing = held.get("nodes_missing_value_tracks_true") or [0] * len(modes)

    def picked(name: str) -> Array:
        return np.array([held[name][place] for place in places])

    def linked(name: str) -> Array:
        return np.array([number.get(one, 0) for one in picked(name).tolist()], np.int64)

    return Tree(
        feature=np.where(is_leaf, LEAF, picked("nodes_featureids")),
        mode=np.array([0 if modes[at] == "LEAF" else _MODES.index(modes[at]) for at in places]),
        threshold=picked("nodes_values").astype(np.float32),
        missing_yes=np.array([bool(missing[place]) for place in places]),
        yes=np.where(is_leaf, own, linked("nodes_truenodeids")),
        no=np.where(is_leaf, own, linked("nodes_falsenodeids")),
        values=values,
        targets=np.array(targets, np.int64),
    )


def write_forest(node: onnx.NodeProto, trees: Sequence[Tree]) -> None:
    """Put other trees into a node; everything else about it stays."""
    prefix = _OPERATORS[node.op_type]
    lists: dict[str, list[Any]] = {f"nodes_{name}": [] for name in _NODES}
    lists |= {f"{prefix}_{name}": [] for name in _LEAVES}
    for index, tree in enumerate(trees):
        count, is_leaf = len(tree.feature), tree.feature == LEAF
        columns = (
            [index] * count,
            list(range(count)),
            np.maximum(tree.feature, 0).tolist(),
            [
                "LEAF" if leaf else _MODES[mode]
                for leaf, mode in zip(is_leaf, tree.mode, strict=True)
            ],
            np.where(is_leaf, 0, tree.threshold).tolist(),
            np.where(is_leaf, 0, tree.yes).tolist(),
            np.where(is_leaf, 0, tree.no).tolist(),
            tree.missing_yes.astype(int).tolist(),
        )
        for name, column in zip(_NODES, columns, strict=True):
            lists[f"nodes_{name}"] += column
        for leaf in np.flatnonzero(is_leaf).tolist():
            for column, target in enumerate(tree.targets.tolist()):
                row = (index, leaf, target, float(tree.values[leaf, column]))
                for name, value in zip(_LEAVES, row, strict=True):
                    lists[f"{prefix}_{name}"].append(value)
    dropped = {*lists, "nodes_hitrates"}
    left = [item for item in node.attribute if item.name not in dropped]
    del node.attribute[:]
    node.attribute.extend(left)
    node.attribute.extend(helper.make_attribute(name, values) for name, values in lists.items())


_NODES = (
    "treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids",
    "missing_value_tracks_true",
)  # fmt: skip
_LEAVES = ("treeids", "nodeids", "ids", "weights")

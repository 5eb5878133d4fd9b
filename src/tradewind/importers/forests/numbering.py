"""The nodes of many trees as the lists of numbers that the operators of ONNX hold."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tradewind.importers.forests.forest import LEAF, Comparison, Forest, Tree

DOMAIN = "ai.onnx.ml"
_MODES: dict[Comparison, str] = {"<": "BRANCH_LT", "<=": "BRANCH_LEQ", ">": "BRANCH_GT"}
_NUMBERS: dict[Comparison, int] = {"<=": 0, "<": 1, ">": 3}
_MEMBER = 6


def has_sets(forest: Forest) -> bool:
    """Whether a node sends more than one category to the same side.

    Only `TreeEnsemble`, which is newer, can say so.
    """
    return any(len(codes) != 1 for tree in forest.trees for codes in tree.sets.values())


def regressor(forest: Forest, rows: str, sums: str) -> onnx.NodeProto:
    """Return `TreeEnsembleRegressor`, whose leaves may add to several outputs."""
    nodes: dict[str, list[Any]] = {f"nodes_{name}": [] for name in _NODES}
    leaves: dict[str, list[Any]] = {f"target_{name}": [] for name in _LEAVES}
    for number, tree in enumerate(forest.trees or (_nothing(),)):
        order = list(_reached(tree))
        names = {node: name for name, node in enumerate(order)}
        for node in order:
            is_leaf = tree.feature[node] == LEAF
            mode, threshold = _test(tree, node, forest.comparison)
            row = (
                number,
                names[node],
                0 if is_leaf else int(tree.feature[node]),
                mode,
                threshold,
                0 if is_leaf else names[int(tree.yes[node])],
                0 if is_leaf else names[int(tree.no[node])],
                0 if is_leaf else int(tree.missing_yes[node]),
            )
            for values, value in zip(nodes.values(), row, strict=True):
                values.append(value)
            for column in range(tree.width if is_leaf else 0):
                weight = float(np.float32(tree.leaf[node, column]))
                row_of_leaf = (number, names[node], tree.target + column, weight)
                for values, value in zip(leaves.values(), row_of_leaf, strict=True):
                    values.append(value)
    lists: dict[str, Any] = {**nodes, **leaves}
    return helper.make_node(
        "TreeEnsembleRegressor",
        [rows],
        [sums],
        name="trees",
        domain=DOMAIN,
        n_targets=forest.outputs,
        base_values=[float(np.float32(value)) for value in forest.base],
        **lists,
    )


_NODES = (
    "treeids",
    "nodeids",
    "featureids",
    "modes",
    "values",
    "truenodeids",
    "falsenodeids",
    "missing_value_tracks_true",
)
_LEAVES = ("treeids", "nodeids", "ids", "weights")


def _reached(tree: Tree) -> Iterator[int]:
    """Yield every node that a row can come to, a parent before its children."""
    waiting = [0]
    while waiting:
        node = waiting.pop()
        yield node
        if tree.feature[node] != LEAF:
            waiting += [int(tree.no[node]), int(tree.yes[node])]


def _test(tree: Tree, node: int, comparison: Comparison) -> tuple[str, float]:
    if tree.feature[node] == LEAF:
        return "LEAF", 0.0
    if node in tree.sets:
        return "BRANCH_EQ", float(tree.sets[node][0])
    return _MODES[comparison], float(tree.threshold[node])


def _nothing() -> Tree:
    """Return a tree that adds 0, for the runtime that wants one at least."""
    none = np.zeros(1, np.int64)
    return Tree(none - 1, none.astype(np.float32), none, none, none.astype(bool), np.zeros((1, 1)))


@final
@dataclass(eq=False)
class _Lists:
    """What `TreeEnsemble` holds."""

    roots: list[int] = field(default_factory=list)
    features: list[int] = field(default_factory=list)
    splits: list[float] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    yes: list[tuple[bool, int]] = field(default_factory=list)  # whether a leaf, its number
    no: list[tuple[bool, int]] = field(default_factory=list)
    members: list[float] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def leaf(self, weight: float, target: int) -> tuple[bool, int]:
        self.targets.append(target)
        self.weights.append(weight)
        return True, len(self.weights) - 1

    def add(self, tree: Tree, column: int, comparison: Comparison) -> None:
        """Add the trees' nodes, leaves apart, of which the newer operator keeps lists of its own.

        Args:
            tree: what to add.
            column: of its leaves.
            comparison: at nodes with a threshold.
        """
        target = tree.target + column
        self.roots.append(len(self.features))
        inner = [node for node in _reached(tree) if tree.feature[node] != LEAF]
        names = {node: len(self.features) + place for place, node in enumerate(inner)}
        if not inner:  # one leaf: a question of which both answers lead there
            only = self.leaf(float(tree.leaf[0, column]), target)
            self._node(0, 0.0, _NUMBERS[comparison], 0, only, only)
        for node in inner:
            yes, no = (
                (False, names[child])
                if child in names
                else self.leaf(float(tree.leaf[child, column]), target)
                for child in (int(tree.yes[node]), int(tree.no[node]))
            )
            codes = tree.sets.get(node)
            if codes is not None:
                # of no categories a fraction, which no code is: the runtime wants one at least
                self.members += [*(map(float, codes) if len(codes) else (0.5,)), float("nan")]
            self._node(
                int(tree.feature[node]),
                0.0 if codes is not None else float(tree.threshold[node]),
                _MEMBER if codes is not None else _NUMBERS[comparison],
                int(tree.missing_yes[node]),
                yes,
                no,
            )

    def _node(
        self,
        feature: int,
        split: float,
        mode: int,
        missing: int,
        yes: tuple[bool, int],
        no: tuple[bool, int],
    ) -> None:
        self.features.append(feature)
        self.splits.append(split)
        self.modes.append(mode)
        self.missing.append(missing)
        self.yes.append(yes)
        self.no.append(no)


def ensemble(forest: Forest, rows: str, sums: str) -> onnx.NodeProto:
    """Return `TreeEnsemble`, which knows sets of categories; a leaf adds to one output."""
    lists = _Lists()
    for tree in forest.trees:
        for column in range(tree.width):
            lists.add(tree, column, forest.comparison)
    return helper.make_node(
        "TreeEnsemble",
        [rows],
        [sums],
        name="trees",
        domain=DOMAIN,
        n_targets=forest.outputs,
        aggregate_function=1,  # the sum
        post_transform=0,
        tree_roots=lists.roots,
        nodes_featureids=lists.features,
        nodes_splits=_floats(lists.splits),
        nodes_modes=numpy_helper.from_array(np.array(lists.modes, np.uint8)),
        nodes_missing_value_tracks_true=lists.missing,
        nodes_trueleafs=[int(is_leaf) for is_leaf, _ in lists.yes],
        nodes_truenodeids=[number for _, number in lists.yes],
        nodes_falseleafs=[int(is_leaf) for is_leaf, _ in lists.no],
        nodes_falsenodeids=[number for _, number in lists.no],
        leaf_targetids=lists.targets,
        leaf_weights=_floats(lists.weights),
        membership_values=_floats(lists.members),
    )


def _floats(values: list[float]) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, np.float32))

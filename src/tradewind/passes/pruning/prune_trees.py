"""Fewer and shallower trees."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import onnx

from tradewind.errors import PassError, SettingError
from tradewind.model import Model
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.inner import session
from tradewind.passes.pruning.forests import Forest, Tree, is_forest, read_forest, write_forest
from tradewind.passes.pruning.leaves import orders, refitted, sums_of
from tradewind.passes.repair import batches_of
from tradewind.tensors import Array

_HELD = 0.2
"""Share of the examples on which the orders of trees are compared."""

_FLOOR = 0.01
"""What an example counts at least where those close to a decision count more."""


@final
@dataclass(frozen=True)
class PruneTrees(Pass):
    """Keep a share of the trees, with leaves fitted to what all trees together said.

    What trees add up to is linear in what their leaves hold, so that the fit is least squares on
    examples without labels. Where a Sigmoid or Softmax follows, examples close to a decision
    count more: by p (1 - p).
    """

    name: ClassVar[str] = "prune_trees"
    is_lossless: ClassVar[bool] = False

    keep: float = 0.33  # share of the trees, 0 < keep <= 1
    depth: int = 0  # questions on the longest way through a tree; 0 leaves it as it is
    examples: int = 20_000
    ridge: float = 1.0  # how strongly leaves are drawn to what they held; in examples

    def __post_init__(self) -> None:
        if not 0 < self.keep <= 1:
            raise SettingError("keep", "more than 0, at most 1", str(self.keep))
        if self.depth < 0:
            raise SettingError("depth", "0 or more", str(self.depth))
        if self.examples < 1:
            raise SettingError("examples", "1 or more", str(self.examples))
        if not self.ridge > 0:
            raise SettingError("ridge", "more than 0", str(self.ridge))

    def needs(self, model: Model) -> Needs:
        return Needs(examples=self.examples)

    def apply(self, model: Model, seen: Observed) -> Change:
        proto, where = model.to_proto(), model.origin.source
        nodes = [node for node in proto.graph.node if is_forest(node)]
        if not nodes:
            raise PassError(where, "an ensemble of trees", "none")
        names = sorted({node.input[0] for node in nodes})
        rows = _values(model, seen, names, self.examples)
        before = after = 0
        for node in nodes:
            forest = read_forest(node, where)
            chosen = self._fewer(forest, rows[node.input[0]], _has_choice(proto, node))
            before += sum(len(tree.feature) for tree in forest.trees)
            after += sum(len(tree.feature) for tree in chosen)
            write_forest(node, chosen)
        if after >= before:
            raise PassError(where, "trees that can be left out", f"{before} nodes, all needed")
        return Change(model.with_proto(proto), f"{before} nodes of trees became {after}")

    def _fewer(self, forest: Forest, rows: Array, is_choice: bool) -> list[Tree]:
        count = max(1, round(self.keep * len(forest.trees)))
        share = 1 / len(forest.trees) if forest.is_mean else 1.0
        shallow = [tree.down_to(self.depth) if self.depth else tree for tree in forest.trees]
        places = [tree.places(rows) for tree in forest.trees]
        wanted = share * sums_of(forest.trees, places, forest.targets)
        weights = _closeness(wanted) if is_choice else np.ones_like(wanted)
        if self.depth:
            places = [tree.places(rows) for tree in shallow]
        best: list[Tree] = []
        least = np.inf
        learned = max(1, len(rows) - int(_HELD * len(rows)))
        for order in orders(Forest(tuple(shallow), forest.targets, False), places):
            chosen = np.sort(order[:count])
            at = [places[index] for index in chosen]
            trees = [shallow[index] for index in chosen]
            early = [one[:learned] for one in at]
            fitted = refitted(trees, early, wanted[:learned], weights[:learned], self.ridge)
            gap = sums_of(fitted, at, forest.targets) - wanted
            held = slice(learned, None) if learned < len(rows) else slice(None)
            loss = float((weights[held] * gap[held] ** 2).sum())
            if loss < least:
                least, best = loss, refitted(trees, at, wanted, weights, self.ridge)
        return _scaled(best, count if forest.is_mean else 1)

    @property
    def label(self) -> str:
        notes = [f"{self.keep:.4g} of the trees"]
        notes += [f"{self.depth} deep"] if self.depth else []
        notes += [] if self.examples == 20_000 else [f"{self.examples} examples"]
        notes += [] if self.ridge == 1.0 else [f"ridge {self.ridge:g}"]
        return ", ".join(notes)


def _scaled(trees: Sequence[Tree], factor: float) -> list[Tree]:
    """Return trees whose mean is what their sum was."""
    return [
        Tree(**{**vars(tree), "values": tree.values * factor}) if factor != 1 else tree
        for tree in trees
    ]


def _values(model: Model, seen: Observed, names: list[str], most: int) -> dict[str, Array]:
    """Return what flows into the trees, for all examples."""
    batches = batches_of(model, seen, most)
    inner = [name for name in names if name not in batches[0]]
    loaded = session(model.to_proto(), inner, model.origin.source) if inner else None
    found: dict[str, list[Array]] = {name: [] for name in names}
    for batch in batches:
        values = dict(batch) | (loaded(batch) if loaded is not None else {})
        for name in names:
            found[name].append(np.asarray(values[name]))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _has_choice(proto: onnx.ModelProto, node: onnx.NodeProto) -> bool:
    """Say whether sums become probabilities of classes."""
    rule = next((item.s for item in node.attribute if item.name == "post_transform"), b"NONE")
    if rule in (b"LOGISTIC", b"SOFTMAX"):
        return True
    reached = {node.output[-1]}
    for other in proto.graph.node:  # in the order in which they run
        if reached & set(other.input):
            if other.op_type in ("Sigmoid", "Softmax"):
                return True
            if other.op_type in ("Identity", "Reshape", "Squeeze", "Add", "Cast", "Concat", "Neg"):
                reached |= set(other.output)
    return False


def _closeness(sums: Array) -> Array:
    """Return p (1 - p) of each class, and a little for what is decided; 1 at most on average."""
    if sums.shape[1] == 1:
        shares = 1 / (1 + np.exp(-np.clip(sums, -30, 30)))
    else:
        raised = np.exp(sums - sums.max(1, keepdims=True))
        shares = raised / raised.sum(1, keepdims=True)
    counts = 4 * shares * (1 - shares) + _FLOOR
    return np.asarray(counts / counts.mean())

"""What leaves add, fitted so that few trees say what many said."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy

from tradewind.passes.pruning.forests import Forest, Tree
from tradewind.tensors import Array

_ROUNDS = 200
"""Iterations of the solver; what it has found by then serves as well."""


def sums_of(trees: Sequence[Tree], places: Sequence[Array], targets: int) -> Array:
    """Return what the trees add up to, float64[rows, targets].

    Args:
        trees: the trees.
        places: for each the leaf that each row comes to.
        targets: to how many things they add.
    """
    found = np.zeros((len(places[0]) if places else 0, targets))
    for tree, at in zip(trees, places, strict=True):
        for column, target in enumerate(tree.targets.tolist()):
            found[:, target] += tree.values[at, column]
    return found


def refitted(
    trees: Sequence[Tree], places: Sequence[Array], wanted: Array, weights: Array, ridge: float
) -> list[Tree]:
    """Return the trees with leaves that add up to what is wanted, as closely as they can.

    min sum_r weights_r (sum_t value[t, leaf_t(r)] - wanted_r)^2 + ridge ||value - start||^2, for
    each target by itself; start is the present values, stretched to fit best.

    Args:
        trees: the trees.
        places: for each the leaf that each row comes to, int64[rows].
        wanted: float64[rows, targets].
        weights: float64[rows, targets], how much a row counts.
        ridge: how strongly values are drawn to where they start.
    """
    found = [tree.values.copy() for tree in trees]
    for target in range(wanted.shape[1]):
        using = [index for index, tree in enumerate(trees) if target in tree.targets]
        if not using:
            continue
        columns = {index: trees[index].targets.tolist().index(target) for index in using}
        first = np.cumsum([0, *(len(trees[index].feature) for index in using)])
        start = np.concatenate([found[index][:, columns[index]] for index in using])
        leaf = np.stack(
            [places[index] + at for index, at in zip(using, first[:-1], strict=True)], 1
        )
        root = np.sqrt(weights[:, target])
        present = start[leaf].sum(1)
        scale = _scale(root * present, root * wanted[:, target])
        rows = len(leaf)
        design = scipy.sparse.csr_array(
            (np.repeat(root, len(using)), leaf.ravel(), np.arange(rows + 1) * len(using)),
            shape=(rows, int(first[-1])),
        )
        gap = root * (wanted[:, target] - scale * present)
        step = scipy.sparse.linalg.lsmr(design, gap, damp=np.sqrt(ridge), maxiter=_ROUNDS)[0]
        values = scale * start + step
        for index, at, end in zip(using, first[:-1], first[1:], strict=True):
            found[index][:, columns[index]] = values[at:end]
    return [replace(tree, values=values) for tree, values in zip(trees, found, strict=True)]


def _scale(present: Array, wanted: Array) -> float:
    """Return the factor that brings `present` closest to `wanted`."""
    size = float(present @ present)
    return float(present @ wanted) / size if size > 0 else 1.0


def orders(forest: Forest, places: Sequence[Array]) -> list[Array]:
    """Return the orders in which trees may be kept that are worth trying.

    The first trees of boosting say most; in a random forest all say the same; and trees whose
    answers vary most are worth a try in both.
    """
    count = len(forest.trees)
    spread = [
        float(np.var(tree.values[at], axis=0).sum())
        for tree, at in zip(forest.trees, places, strict=True)
    ]
    even = np.argsort([_reversed_bits(index) for index in range(count)], kind="stable")
    return [np.arange(count), np.argsort(-np.array(spread), kind="stable"), even]


def _reversed_bits(number: int) -> int:
    """Return a key that puts numbers in an order in which every start is spread evenly."""
    return int(f"{number:032b}"[::-1], 2)

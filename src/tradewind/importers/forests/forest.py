"""Decision trees as plain arrays, with what is done before and after them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, final

import numpy as np

from tradewind.errors import ModelError
from tradewind.tensors import Array

LEAF = -1
"""The number of the feature at a leaf."""

Comparison = Literal["<", "<=", ">"]
"""How a value is compared with a threshold; a row that passes goes to the node `yes`."""

Link = Literal[
    "identity", "sigmoid", "softmax", "exp", "signed square", "softplus", "step", "argmax"
]
"""What turns the sums of leaves into answers."""


@final
@dataclass(frozen=True, eq=False)
class Tree:
    """One tree by nodes, of which number 0 is the root.

    A row goes to `yes` where its value compares so with the threshold, or is among the codes in
    `sets`; a row without a value goes where `missing_yes` says.
    """

    feature: Array  # int64[nodes], LEAF at leaves
    threshold: Array  # float32[nodes]
    yes: Array  # int64[nodes]
    no: Array  # int64[nodes]
    missing_yes: Array  # bool[nodes]
    leaf: Array  # float64[nodes, width]; 0 at inner nodes
    target: int = 0  # the output that a leaf of width 1 adds to
    sets: Mapping[int, Array] = field(default_factory=dict)  # node: codes that go to `yes`

    @property
    def width(self) -> int:
        """How many outputs a leaf adds to."""
        return int(self.leaf.shape[1])


@final
@dataclass(frozen=True, eq=False)
class Feature:
    """One column that goes in.

    Args:
        name: as users know it.
        categories: what stands for the codes 0, 1 …, texts or numbers; None where the value
            itself is compared. Everything else is a missing value.
        rounding: how a number becomes the code of a category; None for numbers.
        is_zero_missing: whether 0 stands for a missing value.
    """

    name: str
    categories: tuple[str, ...] | tuple[float, ...] | None = None
    rounding: Literal["down", "to zero"] | None = None
    is_zero_missing: bool = False

    @property
    def is_text(self) -> bool:
        """Whether its categories are texts."""
        return any(isinstance(value, str) for value in self.categories or ())


@final
@dataclass(frozen=True)
class Part:
    """What a combination takes from one column: its category, or whether something holds of it.

    Args:
        feature: the number of the column.
        above: where it is not None, only whether the value is above it counts.
        category: where it is not None, only whether the column holds this code counts.
        missing_yes: whether a missing value counts as above.
    """

    feature: int
    above: float | None = None
    category: int | None = None
    missing_yes: bool = False

    def size(self, features: Sequence[Feature]) -> int:
        """Return how many answers there are; the last is 'none of them' where all codes count."""
        if self.above is not None or self.category is not None:
            return 2
        return len(features[self.feature].categories or ()) + 1


@final
@dataclass(frozen=True, eq=False)
class Statistic:
    """A number that is looked up by what several columns hold together.

    Where they hold what is in none of the rows of `places`, the number is missing.

    Args:
        parts: what is taken from the columns.
        places: int64[rows, parts]: codes, or 1 where the answer is yes.
        values: float32[rows]: the numbers.
    """

    parts: tuple[Part, ...]
    places: Array
    values: Array

    def sizes(self, features: Sequence[Feature]) -> tuple[int, ...]:
        """Return how many answers each part has."""
        return tuple(part.size(features) for part in self.parts)

    def strides(self, features: Sequence[Feature]) -> tuple[int, ...]:
        """Return how many combinations of the parts that follow there are to each answer."""
        sizes = self.sizes(features)
        return tuple(math.prod(sizes[place + 1 :]) for place in range(len(sizes)))


@final
@dataclass(frozen=True, eq=False)
class Forest:
    """Trees that are added up.

    Args:
        features: the columns in the order in which nodes number them.
        trees: all of them.
        comparison: the same at every node with a threshold.
        base: float64[outputs], what the sums begin with.
        link: what follows the sums.
        classes: the labels of a classifier; None for anything else.
        scale: what a sum is multiplied by before `link`.
        missing: the number that stands for a missing value besides NaN; None if none does.
        weights: float64[features, outputs] of a linear model, which has no trees.
        statistics: what nodes ask for beyond the features, whose numbers they continue.
        looks_up: whether categories are looked up in tables before the trees; where all columns
            are numbers, categories among them, these come in one matrix.
    """

    features: tuple[Feature, ...]
    trees: tuple[Tree, ...]
    comparison: Comparison
    base: Array
    link: Link = "identity"
    classes: tuple[object, ...] | None = None
    scale: float = 1.0
    missing: float | None = None
    weights: Array | None = None
    statistics: tuple[Statistic, ...] = ()
    looks_up: bool = False

    @property
    def outputs(self) -> int:
        """How many sums there are."""
        return len(self.base)

    @property
    def is_matrix(self) -> bool:
        """Whether the columns are one matrix of numbers, rather than an input each."""
        return all(
            feature.categories is None or (self.looks_up and not feature.is_text)
            for feature in self.features
        )


def check_tree(tree: Tree, features: int, outputs: int, where: str) -> Tree:
    """Return a tree of which every node is reached from the root once at most.

    Raises:
        ModelError: a child, a feature or an output does not exist, or a node is reached twice.
    """
    count = len(tree.feature)
    lengths = {len(tree.threshold), len(tree.yes), len(tree.no), len(tree.missing_yes)}
    if not count or lengths | {len(tree.leaf)} != {count}:
        raise ModelError(where, "nodes with all their values", "lists of different lengths")
    inner = tree.feature != LEAF
    children = np.concatenate([tree.yes[inner], tree.no[inner]])
    if children.size and (children.min() < 1 or children.max() >= count):
        raise ModelError(where, f"children among the {count} nodes", "one that is not there")
    if len(np.unique(children)) != len(children):
        raise ModelError(where, "a tree", "a node that two others lead to")
    used = tree.feature[inner]
    if used.size and (used.min() < 0 or used.max() >= features):
        raise ModelError(where, f"one of {features} features", f"number {used.max()}")
    if not 0 <= tree.target <= outputs - tree.width:
        raise ModelError(where, f"one of {outputs} outputs", f"number {tree.target}")
    return tree


def rounded_down(numbers: Array) -> Array:
    """Return the largest float32 that is not above each number."""
    with np.errstate(over="ignore"):
        nearest = numbers.astype(np.float32)
    lower = np.nextafter(nearest, np.float32(-np.inf))
    return np.asarray(np.where(nearest.astype(np.float64) > numbers, lower, nearest))

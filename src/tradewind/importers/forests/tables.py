"""Sets of categories as columns of truth values, which trees compare like numbers.

ONNX Runtime takes time that grows with the product of the sizes of nested sets to load an operator
that holds them, and takes 0.5 for 0. A table for each column, from its code to whether each of the
sets holds that, has neither fault, costs one look-up for each row, and leaves plain trees.
"""

from dataclasses import dataclass, replace
from typing import final

import numpy as np

from tradewind.importers.forests.forest import Forest, Tree
from tradewind.tensors import Array


@final
@dataclass(frozen=True, eq=False)
class Tables:
    """What stands before trees without sets.

    Args:
        plain: the features that are numbers; they come first in what the trees get.
        tables: uint8[codes + 1, sets] of each feature of categories, in their order, whose columns
            follow: 0 where the set holds the code, else 1. The last row is of missing values.
        trees: no node of which asks for a set.
    """

    plain: tuple[int, ...]
    tables: dict[int, Array]
    trees: tuple[Tree, ...]


def tables_of(forest: Forest) -> Tables:
    """Return a forest, whose comparison is "<=" and whose sets send no missing value to `yes`."""
    assert forest.comparison == "<="
    sets: dict[int, dict[bytes, Array]] = {
        number: {}
        for number, feature in enumerate(forest.features)
        if feature.categories is not None
    }
    for tree in forest.trees:
        for node, codes in tree.sets.items():
            assert not tree.missing_yes[node]
            sets[int(tree.feature[node])][codes.tobytes()] = codes
    plain = tuple(number for number in range(len(forest.features)) if number not in sets)
    tables = {
        number: _table(list(some.values()), len(forest.features[number].categories or ()))
        for number, some in sets.items()
    }
    begins = len(plain)
    columns: dict[tuple[int, bytes], int] = {}
    for number, some in sets.items():
        columns |= {(number, key): begins + place for place, key in enumerate(some)}
        begins += tables[number].shape[1]
    trees = tuple(_plain_tree(tree, plain, columns) for tree in forest.trees)
    return Tables(plain, tables, trees)


def _table(sets: list[Array], count: int) -> Array:
    found = np.ones((count + 1, max(len(sets), 1)), np.uint8)
    for place, codes in enumerate(sets):
        found[codes[codes < count], place] = 0
    return found


def _plain_tree(tree: Tree, plain: tuple[int, ...], columns: dict[tuple[int, bytes], int]) -> Tree:
    """Return a tree whose nodes name the columns that it gets behind the tables."""
    places = {number: place for place, number in enumerate(plain)}
    feature = np.array([places.get(number, number) for number in tree.feature.tolist()], np.int64)
    threshold = tree.threshold.copy()
    for node, codes in tree.sets.items():
        feature[node] = columns[int(tree.feature[node]), codes.tobytes()]
        threshold[node] = 0.5
    return replace(tree, feature=feature, threshold=threshold, sets={})

"""What a forest answers, computed node by node in double precision.

It shares nothing with the graph but the forest itself, so a fault of the conversion or of a
runtime shows as a difference.
"""

import numpy as np

from tradewind.importers.forests.forest import LEAF, Feature, Forest, Part, Statistic, Tree
from tradewind.importers.forests.writing import ZERO
from tradewind.tensors import Array, Tensors


def answer(forest: Forest, inputs: Tensors) -> dict[str, Array]:
    """Return the outputs by name, as the graph has them."""
    sums = sums_of(forest, rows_of(forest, inputs)) * forest.scale
    return outputs_of(forest, sums)


def rows_of(forest: Forest, inputs: Tensors) -> Array:
    """Return float64[N, features + statistics], NaN for missing values, codes for categories."""
    if forest.is_matrix:
        columns = list(inputs["input"].T)
    else:
        columns = [inputs[feature.name][:, 0] for feature in forest.features]
    features = zip(forest.features, columns, strict=True)
    rows = np.stack([_codes(feature, values) for feature, values in features], axis=1)
    if forest.missing is not None:
        rows[rows == np.float32(forest.missing)] = np.nan
    for number, feature in enumerate(forest.features):
        column = rows[:, number]
        if feature.is_zero_missing:
            column[np.abs(column) <= ZERO] = np.nan
        if feature.rounding is not None:
            column[:] = np.floor(column) if feature.rounding == "down" else np.trunc(column)
    found = [_looked_up(forest, one, rows) for one in forest.statistics]
    return np.concatenate([rows, *found], axis=1)


def _looked_up(forest: Forest, statistic: Statistic, rows: Array) -> Array:
    """Return float64[N, 1], what a statistic says of each row."""
    table = dict(zip(map(tuple, statistic.places.tolist()), statistic.values, strict=True))

    def taken(part: Part, value: float) -> int:
        if part.above is not None:
            return int(part.missing_yes if np.isnan(value) else value > np.float32(part.above))
        if part.category is not None:
            return int(value == part.category)
        return (
            len(forest.features[part.feature].categories or ()) if np.isnan(value) else int(value)
        )

    keys = [tuple(taken(part, row[part.feature]) for part in statistic.parts) for row in rows]
    return np.array([[table.get(key, np.nan)] for key in keys], np.float64)


def _codes(feature: Feature, values: Array) -> Array:
    if feature.categories is None:
        return np.asarray(values, np.float64)
    codes = {value: float(code) for code, value in enumerate(feature.categories)}
    texts = [value.decode() if isinstance(value, bytes) else value for value in values.tolist()]
    return np.array([codes.get(value, np.nan) for value in texts], np.float64)


def sums_of(forest: Forest, rows: Array) -> Array:
    """Return float64[N, outputs]."""
    sums = np.tile(np.asarray(forest.base, np.float64), (len(rows), 1))
    if forest.weights is not None:
        return np.asarray(sums + np.nan_to_num(rows) @ forest.weights)
    for tree in forest.trees:
        sums[:, tree.target : tree.target + tree.width] += tree.leaf[_leaves(tree, forest, rows)]
    return sums


def _leaves(tree: Tree, forest: Forest, rows: Array) -> Array:
    """Return the leaf that each row ends in."""
    at = np.zeros(len(rows), np.int64)
    everywhere = np.arange(len(rows))
    while (moving := tree.feature[at] != LEAF).any():
        node, value = at[moving], rows[everywhere[moving], tree.feature[at[moving]]]
        bound = tree.threshold[node].astype(np.float64)
        passes = {"<": value < bound, "<=": value <= bound, ">": value > bound}[forest.comparison]
        for place in np.flatnonzero(np.isin(node, list(tree.sets))):
            passes[place] = value[place] in tree.sets[int(node[place])]
        passes = np.where(np.isnan(value), tree.missing_yes[node], passes)
        at[moving] = np.where(passes, tree.yes[node], tree.no[node])
    return at


def outputs_of(forest: Forest, sums: Array) -> dict[str, Array]:
    """Return what the link makes of the sums, by the names of the graph's outputs."""
    with np.errstate(over="ignore"):
        sigmoid = 1 / (1 + np.exp(-sums))
        if forest.classes is None:
            made = {
                "identity": sums,
                "sigmoid": sigmoid,
                "exp": np.exp(sums),
                "signed square": sums * np.abs(sums),
                "softplus": np.logaddexp(0, sums),
                "step": (sums > 0).astype(float),
            }
            return {"prediction": made[forest.link]}
    if forest.outputs > 1:
        powers = np.exp(sums - sums.max(axis=1, keepdims=True))
        softmax = powers / powers.sum(axis=1, keepdims=True)
        shares = softmax if forest.link == "softmax" else sigmoid
    else:
        second = (sums > 0).astype(float) if forest.link == "step" else sigmoid
        shares = np.concatenate([1 - second, second], axis=1)
    best = shares.argmax(axis=1)
    labels = np.array(forest.classes, object)[best]
    return {"label": labels, "probabilities": shares}

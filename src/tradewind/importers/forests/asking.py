"""What an imported forest and its original are asked."""

import numpy as np

from tradewind.importers.forests.forest import Forest
from tradewind.tensors import Array

ROWS = 64
"""Rows of one question; there are `QUESTIONS` such, and one of a single row for each kind."""

QUESTIONS = 6
_MANY = 4096  # thresholds of one feature that are drawn from, at most


def questions(forest: Forest, seed: int, *, infinite: bool) -> list[dict[str, Array]]:
    """Return inputs whose values lie where a forest decides: on thresholds and right beside them.

    Among the rows are some without any value, of zeros, of huge numbers, of categories that were
    never seen and of empty texts.

    Args:
        forest: what is asked.
        seed: fixes the values.
        infinite: whether infinity may be asked.
    """
    random = np.random.default_rng(seed)
    columns = [_values(forest, number, random) for number in range(len(forest.features))]
    found = []
    for question in range(QUESTIONS):
        picked = [random.choice(values, ROWS) for values in columns]
        if question % 2:
            picked = [_with_missing(forest, i, one, random) for i, one in enumerate(picked)]
        if forest.statistics:
            _combine(forest, picked, random)
        found.append(_inputs(forest, picked))
    specials = [np.nan, 0.0, 1e30, -1e30, *((np.inf, -np.inf) if infinite else ())]
    if forest.weights is not None:
        specials = [np.nan, 0.0]
    for special in specials:
        found.append(_inputs(forest, [_special(forest, i, special) for i in range(len(columns))]))
    return found


def _values(forest: Forest, number: int, random: np.random.Generator) -> Array:
    feature = forest.features[number]
    if feature.categories is not None and isinstance(feature.categories[0], str):
        values = np.empty(len(feature.categories) + 3, object)
        values[:] = [*feature.categories, "", "never seen before", "naïve ☕"]
        return values
    if feature.categories is not None:
        return np.array([*feature.categories, -7.0, 12345.5], np.float32)
    if feature.rounding is not None:
        codes = {
            int(code)
            for tree in forest.trees
            for node, codes in tree.sets.items()
            if tree.feature[node] == number
            for code in codes
        }
        return np.array([*range(min(max(codes, default=0) + 3, _MANY))], np.float32)
    bounds = np.concatenate(
        [
            np.zeros(1, np.float32),
            *(tree.threshold[tree.feature == number] for tree in forest.trees),
            np.array(
                [
                    part.above
                    for statistic in forest.statistics
                    for part in statistic.parts
                    if part.feature == number and part.above is not None
                ],
                np.float32,
            ),
        ]
    )
    bounds = np.unique(bounds)
    if len(bounds) > _MANY:
        bounds = random.choice(bounds, _MANY, replace=False)
    largest = np.finfo(np.float32).max
    with np.errstate(over="ignore"):  # beside the largest number lies infinity
        up, down = (np.nextafter(bounds, np.float32(end)) for end in (np.inf, -np.inf))
    around = random.normal(size=64) * float(np.abs(bounds).max() or 1)
    return np.concatenate([bounds, up, down, around]).clip(-largest, largest).astype(np.float32)


def _combine(forest: Forest, columns: list[Array], random: np.random.Generator) -> None:
    """Let half of the rows hold a combination that was counted, which chance would rarely give."""
    for row in np.flatnonzero(random.random(ROWS) < 0.5):
        statistic = forest.statistics[random.integers(len(forest.statistics))]
        codes = statistic.places[random.integers(len(statistic.places))].tolist()
        for part, code in zip(statistic.parts, codes, strict=True):
            categories = forest.features[part.feature].categories
            if part.above is not None:
                columns[part.feature][row] = _beside(part.above, is_above=bool(code))
            elif categories is not None and (part.category is None or code):
                chosen = code if part.category is None else part.category
                columns[part.feature][row] = categories[chosen]


def _beside(border: float, *, is_above: bool) -> np.float32:
    """Return the border, or the next number above; above the largest only NaN may count."""
    at = np.float32(border)
    if at == np.finfo(np.float32).max:
        return np.float32(np.nan) if is_above else at
    return np.nextafter(at, np.float32(np.inf)) if is_above else at


def _with_missing(forest: Forest, number: int, values: Array, random: np.random.Generator) -> Array:
    if values.dtype == object:
        return values
    chosen = random.random(len(values)) < 0.3
    missing = np.nan if forest.missing is None else random.choice([np.nan, forest.missing])
    return np.where(chosen, np.float32(missing), values)


def _special(forest: Forest, number: int, value: float) -> Array:
    categories = forest.features[number].categories
    if categories is not None and isinstance(categories[0], str):
        found = np.empty(1, object)
        found[:] = [""]
        return found
    is_code = forest.features[number].rounding is not None or categories is not None
    return np.array([np.nan if is_code and value else value], np.float32)


def _inputs(forest: Forest, columns: list[Array]) -> dict[str, Array]:
    if forest.is_matrix:
        return {"input": np.stack(columns, axis=1).astype(np.float32)}
    return {
        feature.name: values[:, None]
        for feature, values in zip(forest.features, columns, strict=True)
    }

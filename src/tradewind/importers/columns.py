"""What a fitted scikit-learn estimator takes, column by column."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from tradewind.errors import ModelError
from tradewind.importers.composition import everything_in
from tradewind.importers.forests.histograms import categories_of
from tradewind.tensors import Array, Datatype

MATRIX = "input"
"""The name of the one input of an estimator that takes a matrix of numbers."""

TEXT = "text"
"""The name of the one input of an estimator that takes texts."""


@final
@dataclass(frozen=True, eq=False)
class Column:
    """One column with what is known about its values."""

    name: str
    datatype: Datatype
    values: Array | None  # those seen in training; None where any number may come
    others_are_missing: bool = False  # whether all but `values` stand for a missing value


@final
@dataclass(frozen=True, eq=False)
class Layout:
    """How the columns are handed over: each on its own, or all as one matrix."""

    columns: tuple[Column, ...]
    is_matrix: bool
    is_text: bool = False


def layout_of(estimator: Any, declared: Mapping[str, Datatype] | None, where: str) -> Layout:
    """Return the columns of an estimator.

    A matrix of numbers is one input, texts are one input; columns that a ColumnTransformer
    picks by name, or some of which are strings, are an input each.

    Args:
        estimator: fitted.
        declared: the columns in order; None to derive them.
        where: the estimator's name for messages.

    Raises:
        ModelError: the number of columns is unknown, or another than declared.
    """
    count = getattr(estimator, "n_features_in_", None)
    words = [part.vocabulary_ for part in parts(estimator) if hasattr(part, "vocabulary_")]
    if count is None and words and declared is None:
        texts = np.array(sorted(set().union(*words)), object)
        return Layout((Column(TEXT, Datatype.BYTES, texts),), is_matrix=False, is_text=True)
    if count is None and declared is None:
        hint = "name them: `SklearnImporter(columns={'age': Datatype.FP32, ...})`."
        raise ModelError(where, "a known number of columns", "no `n_features_in_`", hint)
    names = [str(name) for name in getattr(estimator, "feature_names_in_", [])]
    names = names or [f"x{number}" for number in range(count or 0)]
    if declared is not None:
        if count is not None and len(declared) != count:
            raise ModelError(where, f"{count} columns", f"{len(declared)} declared")
        names = list(declared)
    seen, is_by_name = _seen_values(estimator, names)
    split = {} if count is None else _split_values(estimator, names, where)
    derived = tuple(
        _column(name, declared, split.get(name, seen.get(name)), is_split=name in split)
        for name in names
    )
    is_mixed = any(column.datatype is Datatype.BYTES for column in derived)
    return Layout(derived, is_matrix=not (is_mixed or is_by_name or declared))


def _column(
    name: str, declared: Mapping[str, Datatype] | None, values: Array | None, *, is_split: bool
) -> Column:
    if declared is not None:
        return Column(name, declared[name], values, is_split)
    is_text = values is not None and values.dtype.kind in "OSU"
    return Column(name, Datatype.BYTES if is_text else Datatype.FP32, values, is_split)


def parts(estimator: Any) -> Iterator[Any]:
    """Yield an estimator with everything that it is composed of."""
    yield estimator
    named = list(getattr(estimator, "steps", [])) + list(getattr(estimator, "transformer_list", []))
    for _, part in named:
        yield from parts(part)
    for _, part, _ in getattr(estimator, "transformers_", []):
        yield from parts(part)


def _seen_values(estimator: Any, names: list[str]) -> tuple[dict[str, Array], bool]:
    """Return the categories of each column, with whether columns are picked by name."""
    seen: dict[str, Array] = {}
    is_by_name = False
    for part in parts(estimator):
        for _, inner, picked in getattr(part, "transformers_", []):
            positions = _positions(picked, names)
            is_by_name |= isinstance(picked, list) and any(isinstance(p, str) for p in picked)
            for encoder in parts(inner):
                for position, values in zip(
                    positions, getattr(encoder, "categories_", []), strict=False
                ):
                    seen[names[position]] = np.asarray(values)
    if not seen and len(steps := getattr(estimator, "steps", [])):
        for position, values in enumerate(getattr(steps[0][1], "categories_", [])):
            seen[names[position]] = np.asarray(values)
    return seen, is_by_name


def _split_values(estimator: Any, names: list[str], where: str) -> dict[str, Array]:
    """Return the categories of each column that trees split by categories as it comes in."""
    places: list[int | None] = list(range(len(names)))  # of the columns handed over
    steps = [part for _, part in getattr(estimator, "steps", [("", estimator)])]
    *before, last = [part for part in steps if part != "passthrough"]
    if before:
        if len(before) > 1 or not hasattr(before[0], "output_indices_"):
            return {}
        places = _handed_on(before[0], names)
    found: dict[str, list[Array]] = {}
    for part in everything_in(last):
        if getattr(part, "n_features_in_", None) != len(places):
            continue
        for column, values in categories_of(part, where).items():
            if (place := places[column]) is not None and len(values):
                found.setdefault(names[place], []).append(values)
    return {name: np.unique(np.concatenate(some)) for name, some in found.items()}


def _handed_on(step: Any, names: list[str]) -> list[int | None]:
    """Return which column each output of a ColumnTransformer is; None of those it changes."""
    found: dict[int, int | None] = {}
    for name, inner, picked in step.transformers_:
        is_same = inner == "passthrough" or getattr(inner, "func", inner) is None
        outputs = range(step.output_indices_[name].start, step.output_indices_[name].stop)
        positions = _positions(picked, names) if is_same else [None] * len(outputs)
        found |= zip(outputs, positions, strict=True)
    return [found[output] for output in sorted(found)]


def _positions(picked: Any, names: list[str]) -> list[int]:
    """Return the numbers of the columns that a ColumnTransformer picked, as it may name them."""
    if isinstance(picked, slice):
        return list(range(len(names)))[picked]
    chosen = np.atleast_1d(np.asarray(picked))
    if chosen.dtype == bool:
        return [int(position) for position in np.flatnonzero(chosen)]
    return [names.index(p) if isinstance(p, str) else int(p) for p in chosen.tolist()]

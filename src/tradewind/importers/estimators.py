"""What a fitted estimator of scikit-learn is asked, and what it answers."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from tradewind.errors import ModelError
from tradewind.importers.columns import MATRIX, Column, Layout
from tradewind.importers.metadata import NOTE, add_metadata
from tradewind.importers.original import Original
from tradewind.importers.parity import BRANCHES, check_parity
from tradewind.model import Model
from tradewind.tensors import Array, Datatype, Tensors

ROWS = 64
"""Rows of one question."""

_ORDINARY, _MISSING, _STRANGE = "ordinary", "missing", "strange"
_KINDS = (_ORDINARY, _MISSING, _STRANGE, "zeros", "large")


@final
@dataclass(frozen=True)
class InEstimator(Original):
    """An estimator in memory.

    Args:
        estimator: fitted.
        layout: how its columns are handed over.
        names: of the graph's outputs, predictions first, then probabilities.
    """

    estimator: Any
    layout: Layout
    names: Sequence[str]

    def answer(self, inputs: Tensors) -> dict[str, Array]:
        rows = self._rows(inputs)
        try:
            found = [np.asarray(self.estimator.predict(rows))]
            if len(self.names) > 1:
                found.append(np.asarray(self.estimator.predict_proba(rows)))
        except Exception as error:  # estimators raise whatever their authors chose
            got = f"{type(error).__name__}: {error}"
            where = type(self.estimator).__name__
            raise ModelError(where, "an answer to generated rows", got[:300]) from error
        return dict(zip(self.names, found, strict=True))

    def _rows(self, inputs: Tensors) -> Any:
        layout = self.layout
        is_framed = hasattr(self.estimator, "feature_names_in_")
        if layout.is_matrix:
            # some estimators take no other numbers than they were fitted on
            numbers = inputs[MATRIX].astype(np.float64).T
            stored = [
                _stored(column, one) for column, one in zip(layout.columns, numbers, strict=True)
            ]
            matrix = np.stack(stored, axis=1)
            return self._framed(list(matrix.T)) if is_framed else matrix
        columns = [_stored(column, inputs[column.name][:, 0]) for column in layout.columns]
        if layout.is_text:
            return columns[0]
        if is_framed:
            return self._framed(columns)
        return np.stack([values.astype(object) for values in columns], axis=1)

    def _framed(self, columns: list[Array]) -> Any:
        """Return a data frame for an estimator that was fitted on one."""
        try:
            pandas = importlib.import_module("pandas")
        except ImportError as error:
            where = type(self.estimator).__name__
            raise ModelError(where, "pandas, which it was fitted with", "none installed") from error
        names = [column.name for column in self.layout.columns]
        return pandas.DataFrame(dict(zip(names, columns, strict=True)))


def _stored(column: Column, values: Array) -> Array:
    """Return what numbers stand for: 0.1 comes in as a float32, which is another in float64."""
    if not column.others_are_missing or column.values is None or values.dtype.kind != "f":
        return values
    found = values.astype(np.float64)
    for category in column.values:
        found[values.astype(np.float32) == np.float32(category)] = category
    return found


def check_estimator(model: Model, estimator: Any, layout: Layout) -> Model:
    """Return the model with its parity.

    Outputs that the estimator has no method for, such as the distances of clusters, are not
    compared.

    Args:
        model: the import.
        estimator: what it was made from.
        layout: how the columns of both are handed over.

    Raises:
        ModelError: graph and estimator differ, or the estimator answers nothing.
    """
    outputs = [spec.name for spec in model.signature.outputs]
    has_shares = hasattr(estimator, "classes_") and hasattr(estimator, "predict_proba")
    names = outputs[: 2 if has_shares else 1]
    proto = model.to_proto()
    del proto.graph.output[len(names) :]
    compared = model.with_proto(proto)
    original = _Shaped(InEstimator(estimator, layout, names), compared)
    random = np.random.default_rng(0)
    asked = {kind: [_question(layout, kind, random)] for kind in _KINDS}
    asked[_ORDINARY] += [_question(layout, _ORDINARY, random) for _ in range(3)]
    asked = {
        kind: inputs
        for kind, inputs in asked.items()
        if kind == _ORDINARY or _is_answered(original, inputs[0])
    }
    missing = asked.pop(_MISSING, [])
    most = [inputs for some in asked.values() for inputs in some]
    found = check_parity(compared, original, tolerance=BRANCHES, questions=most)
    proto = model.to_proto()
    try:
        found = check_parity(compared, original, tolerance=BRANCHES, questions=most + missing)
    except ModelError:
        note = "The original takes missing values (NaN); the graph answers them differently."
        add_metadata(proto, NOTE, note)
    return Model(model.with_proto(proto).content, replace(model.origin, parity=found.origin.parity))


@final
@dataclass(frozen=True)
class _Shaped(Original):
    """Answers with as many dimensions as the graph has."""

    inner: InEstimator
    model: Model

    def answer(self, inputs: Tensors) -> dict[str, Array]:
        found = self.inner.answer(inputs)
        for spec in self.model.signature.outputs:
            array = found[spec.name]
            if array.ndim != len(spec.shape):
                found[spec.name] = array.reshape(len(array), *(-1,) * (len(spec.shape) - 1))
        return found


def _is_answered(original: Original, inputs: Tensors) -> bool:
    """Whether the estimator takes such values; many refuse NaN, or categories not seen."""
    try:
        original.answer(inputs)
    except ModelError:
        return False
    return True


def _question(layout: Layout, kind: str, random: np.random.Generator) -> dict[str, Array]:
    columns = [_generate(column, kind, random, is_text=layout.is_text) for column in layout.columns]
    if layout.is_matrix:
        return {MATRIX: np.stack(columns, axis=1).astype(np.float32)}
    return {
        column.name: values.astype(column.datatype.numpy)[:, None]
        for column, values in zip(layout.columns, columns, strict=True)
    }


def _generate(column: Column, kind: str, random: np.random.Generator, *, is_text: bool) -> Array:
    """Return [ROWS] plausible values of one column, numbers representable in float32."""
    values = column.values
    if is_text and values is not None:
        found = np.empty(ROWS, object)
        words = 0 if kind == "zeros" else 12
        found[:] = [" ".join(random.choice(values, words)) for _ in range(ROWS)]
        return found
    if column.others_are_missing and column.datatype is not Datatype.BYTES:
        return _category(column, kind, random)
    if column.datatype is Datatype.BYTES:
        known = [str(value) for value in values] if values is not None else ["a", "b", "c"]
        choices = np.array([*known, *(("", "never seen") if kind == _STRANGE else ())], object)
        return random.choice(choices, ROWS)
    if values is not None and len(values) and kind != _STRANGE:
        return random.choice(values, ROWS)
    # one half around 0, one over several magnitudes: the units of the columns are unknown
    spread = np.where(np.arange(ROWS) % 2 == 0, 1.0, 10 ** random.uniform(-2, 3, ROWS))
    numbers = random.normal(size=ROWS) * spread
    if kind == _MISSING and column.datatype in (Datatype.FP32, Datatype.FP64):
        numbers[random.random(ROWS) < 0.3] = np.nan
        numbers[0] = np.nan
    if kind in ("zeros", "large"):
        numbers = numbers * 0 if kind == "zeros" else numbers * 1e3
    return numbers.astype(column.datatype.numpy)


def _category(column: Column, kind: str, random: np.random.Generator) -> Array:
    """Return [ROWS] numbers that are categories; of strange ones a third is missing or unseen."""
    assert column.values is not None
    found = random.choice(column.values, ROWS)
    if kind not in (_MISSING, _STRANGE):
        return found
    known = column.values.astype(np.float64)
    unseen = [np.nan, known.max() + 1, known.min() - 1, known.max() + 0.5, -1.0, 300.0]
    is_whole = column.datatype not in (Datatype.FP32, Datatype.FP64)
    others = [known.max() + 1, known.min() - 1] if is_whole else unseen
    return np.where(random.random(ROWS) < 1 / 3, random.choice(others, ROWS), found)

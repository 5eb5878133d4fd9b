"""Whether an imported graph answers like the estimator that it was made from."""

import importlib
from typing import Any

import numpy as np

from tradewind.engines import OnnxRuntime
from tradewind.errors import EngineError, ModelError
from tradewind.importers.columns import MATRIX, Column, Layout
from tradewind.model import Model
from tradewind.tensors import Array, Datatype

ROWS = 256
RELATIVE_TOLERANCE = 1e-3
"""The graph computes in float32 and the estimator in float64: seven digits, less what sums lose."""

MAX_DIFFERENT = 0.01
"""Rows that fall between two branches of a tree, or between two classes, after rounding."""


def check_parity(model: Model, estimator: Any, layout: Layout) -> None:
    """Raise unless graph and estimator agree on generated rows.

    A row differs when its label differs, or a number by more than `RELATIVE_TOLERANCE` of the
    larger of 1 and the estimator's; at most the share `MAX_DIFFERENT` may.

    Raises:
        ModelError: too many rows differ, or one of the two cannot answer.
    """
    where = model.origin.source
    random = np.random.default_rng(0)
    columns = [_generate(column, random, is_text=layout.is_text) for column in layout.columns]
    inputs, rows = _arrange(columns, layout, estimator)
    try:
        with OnnxRuntime(threads=1).compile(model) as runner:
            answers = list(runner(inputs).values())
        wanted = [np.asarray(estimator.predict(rows))]
        if hasattr(estimator, "classes_") and hasattr(estimator, "predict_proba"):
            wanted.append(np.asarray(estimator.predict_proba(rows)))
    except EngineError as error:
        raise ModelError(where, "a graph that ONNX Runtime can run", error.got) from error
    except Exception as error:  # estimators raise whatever their authors chose
        hint = "convert it with skl2onnx yourself and give the `.onnx` file."
        got = f"{type(error).__name__}: {error}"
        raise ModelError(where, "an estimator that answers generated rows", got, hint) from error
    different: Array = np.zeros(ROWS, dtype=bool)
    for answer, target in zip(answers, wanted, strict=False):
        different |= _differs(answer, target)
    share = float(different.mean())
    if share > MAX_DIFFERENT:
        raise ModelError(
            where,
            f"answers like the estimator's on {1 - MAX_DIFFERENT:.0%} of generated rows",
            f"different ones on {share:.1%}",
            "an operator converts with a loss; try `skl2onnx` with its `options`.",
        )


def _generate(column: Column, random: np.random.Generator, *, is_text: bool) -> Array:
    """Return [ROWS] plausible values of one column, numbers representable in float32."""
    values = column.values
    if is_text and values is not None:
        found = np.empty(ROWS, object)
        found[:] = [" ".join(random.choice(values, 12)) for _ in range(ROWS)]
        return found
    if values is not None and len(values):
        return random.choice(values, ROWS)
    if column.datatype is Datatype.BYTES:
        return random.choice(np.array(["a", "b", "c"], object), ROWS)
    # one half around 0, one over several magnitudes: the units of the columns are unknown
    spread = np.where(np.arange(ROWS) % 2 == 0, 1.0, 10 ** random.uniform(-2, 3, ROWS))
    return (random.normal(size=ROWS) * spread).astype(column.datatype.numpy)


def _arrange(columns: list[Array], layout: Layout, estimator: Any) -> tuple[dict[str, Array], Any]:
    """Return the same rows for the graph and for the estimator."""
    if layout.is_matrix:
        matrix = np.stack(columns, axis=1).astype(np.float32)
        # some estimators take no other numbers than they were fitted on
        return {MATRIX: matrix}, _framed(matrix.astype(np.float64), layout, estimator)
    inputs = {
        column.name: values.astype(column.datatype.numpy)[:, None]
        for column, values in zip(layout.columns, columns, strict=True)
    }
    if layout.is_text:
        return inputs, columns[0]
    if not hasattr(estimator, "feature_names_in_"):
        return inputs, np.stack([values.astype(object) for values in columns], axis=1)
    return inputs, _framed(columns, layout, estimator)


def _framed(columns: Any, layout: Layout, estimator: Any) -> Any:
    """Return a data frame for an estimator that was fitted on one."""
    if not hasattr(estimator, "feature_names_in_"):
        return columns
    try:
        pandas = importlib.import_module("pandas")
    except ImportError as error:
        where = type(estimator).__name__
        raise ModelError(where, "pandas, which it was fitted with", "none installed") from error
    arrays = list(np.transpose(columns)) if isinstance(columns, np.ndarray) else columns
    names = [column.name for column in layout.columns]
    return pandas.DataFrame(dict(zip(names, arrays, strict=True)))


def _differs(answer: Array, target: Array) -> Array:
    if target.dtype.kind in "OSU" or answer.dtype.kind in "OSU":
        texts = [v.decode() if isinstance(v, bytes) else str(v) for v in answer.ravel()]
        unequal: Array = np.array(texts) != target.ravel().astype(str)
        return unequal
    numbers = answer.reshape(len(target), -1).astype(np.float64)
    wanted = target.reshape(len(target), -1).astype(np.float64)
    if numbers.shape != wanted.shape:
        return np.ones(len(target), dtype=bool)
    # the larger of 1 and the number: probabilities near 0 are compared absolutely
    allowed = RELATIVE_TOLERANCE * np.maximum(1, np.abs(wanted))
    is_close = (np.abs(numbers - wanted) <= allowed) | (np.isnan(numbers) & np.isnan(wanted))
    found: Array = np.logical_not(is_close.all(axis=1))
    return found

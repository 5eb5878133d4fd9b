"""scikit-learn estimators, from memory or from `.skops` files."""

import importlib
import json
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np
import onnx

from tradewind.errors import ModelError
from tradewind.importers.boosted_steps import (
    boosted_steps,
    check_steps,
    may_miss_zeros,
    registered,
)
from tradewind.importers.boosting import boosting_converters
from tradewind.importers.columns import MATRIX, Layout, layout_of, parts
from tradewind.importers.composition import votes_apart
from tradewind.importers.estimators import check_estimator
from tradewind.importers.importer import Importer
from tradewind.importers.lookalikes import archive_members
from tradewind.importers.missing import add_missing
from tradewind.importers.onnx import freeze
from tradewind.importers.precision import take_floats
from tradewind.importers.skops_files import read_skops
from tradewind.model import Model, Origin
from tradewind.tensors import Datatype

CLASSES = "tradewind.classes"
"""The key of the graph's metadata under which the classes are kept, as a JSON list."""

_OLDER_TREES = "target_opset={'ai.onnx.ml': 3}"
"""What the converter asks for where it knows only the older operators for trees."""

_OPSET = 18
"""Of ONNX itself, beside them."""


@final
@dataclass(frozen=True)
class SklearnImporter(Importer):
    """Fitted scikit-learn estimators and pipelines.

    Args:
        columns: the columns in order with their types, each an input of its own; derived from
            the estimator when None.
    """

    name: ClassVar[str] = "scikit-learn"

    columns: Mapping[str, Datatype] | None = None

    def matches(self, source: object) -> bool:
        if isinstance(source, Path):
            return source.is_file() and "schema.json" in archive_members(source)
        # whoever holds an estimator has imported this module
        base = sys.modules.get("sklearn.base")
        return base is not None and isinstance(source, base.BaseEstimator)

    def load(self, source: object) -> Model:
        where = source.name if isinstance(source, Path) else type(source).__name__
        estimator = source
        if isinstance(source, Path):
            estimator = read_skops(source, _extra("skops.io", where))
        _check_estimator(estimator, where)
        steps = boosted_steps(estimator)
        check_steps(steps)
        layout = layout_of(estimator, self.columns, where)
        found: list[Model | ModelError] = []
        for is_double in (True, False) if steps else (False,):
            variants = (False, True) if may_miss_zeros(steps) else (False,)
            for zeros_are_missing in variants:
                settings = _Settings(is_double, zeros_are_missing)
                found.append(_imported(estimator, layout, where, steps, settings))
            best = min(found, key=_distance)
            if isinstance(best, Model):
                return best
        assert isinstance(best, ModelError)
        raise best


@final
@dataclass(frozen=True)
class _Settings:
    """What may be tried where boosted trees are steps.

    Args:
        is_double: compute what comes before and after the trees in float64, as scikit-learn does.
        zeros_are_missing: what XGBoost makes of the zeros that a sparse matrix leaves out; that
            depends on how the step before hands them over.
    """

    is_double: bool = False
    zeros_are_missing: bool = False


def _imported(
    estimator: Any, layout: Layout, where: str, steps: list[Any], settings: _Settings
) -> Model | ModelError:
    """Return the model with its parity, or why there is none."""
    missing = settings.zeros_are_missing
    try:
        with registered(steps, zeros_are_missing=missing), votes_apart(estimator):
            proto = _convert(estimator, layout, where, is_double=settings.is_double)
        _note_classes(proto, estimator)
        model = freeze(proto, Origin(SklearnImporter.name, where))
        return check_estimator(model, estimator, layout)
    except ModelError as error:
        return error


def _distance(found: Model | ModelError) -> tuple[float, float]:
    """Return how far an import is from its original: the share of rows that differ comes first."""
    if isinstance(found, ModelError) or found.origin.parity is None:
        return (np.inf, np.inf)
    return found.origin.parity.differing, found.origin.parity.largest


def _extra(module: str, where: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        hint = 'pip install "tradewind[sklearn]"'
        package = module.partition(".")[0]
        raise ModelError(where, f"{package} to import it with", "none installed", hint) from error


def _check_estimator(estimator: Any, where: str) -> None:
    validation = _extra("sklearn.utils.validation", where)
    if not hasattr(estimator, "predict"):
        hint = "put a model at the end of the pipeline."
        raise ModelError(where, "an estimator that predicts", type(estimator).__name__, hint)
    try:
        validation.check_is_fitted(estimator)
    except Exception as error:  # NotFittedError, or what foreign estimators raise instead
        hint = "call `fit` first."
        raise ModelError(where, "a fitted estimator", "one that is not", hint) from error


def _convert(
    estimator: Any, layout: Layout, where: str, *, is_double: bool = False
) -> onnx.ModelProto:
    converter = _extra("skl2onnx", where)
    registered = _extra("skl2onnx.common._registration", where)
    inputs = _input_types(layout, where, is_double=is_double)
    # the default locale is one that minimal machines lack
    texts = [part for part in parts(estimator) if hasattr(part, "vocabulary_")]
    options: dict[int, dict[str, object]] = {id(part): {"locale": "C.UTF-8"} for part in texts}
    if hasattr(estimator, "classes_"):
        options[id(estimator)] = {"zipmap": False}
    try:
        with warnings.catch_warnings():
            # the converter reads attributes that scikit-learn is about to drop
            warnings.simplefilter("ignore")
            convert = partial(
                converter.convert_sklearn,
                estimator,
                initial_types=inputs,
                options=options,
                custom_conversion_functions=boosting_converters(
                    parts(estimator), registered.get_converter
                ),
            )
            proto = _called(convert)
    except ModelError:
        raise
    except Exception as error:  # converters raise classes of their own for each operator
        reason = (str(error).strip().splitlines() or [""])[0][:300]
        raise ModelError(
            where,
            "an estimator that skl2onnx can convert",
            f"{type(error).__name__}: {reason}",
            "replace the step that it names by one that it knows.",
        ) from error
    assert isinstance(proto, onnx.ModelProto)
    add_missing(proto, estimator)
    if is_double:
        take_floats(proto)
    return _tidied(proto)


def _called(convert: Callable[..., Any]) -> Any:
    """Return what a conversion gives, by the operators that it knows."""
    try:
        return convert()
    except RuntimeError as error:
        if _OLDER_TREES not in str(error):
            raise
        return convert(target_opset={"": _OPSET, "ai.onnx.ml": 3})


def _input_types(layout: Layout, where: str, *, is_double: bool) -> list[tuple[str, Any]]:
    """Return the inputs as skl2onnx declares them."""
    types = _extra("skl2onnx.common.data_types", where)
    floats = types.DoubleTensorType if is_double else types.FloatTensorType
    if layout.is_matrix:
        return [(MATRIX, floats([None, len(layout.columns)]))]
    by_datatype = {
        Datatype.BYTES: types.StringTensorType,
        Datatype.FP32: floats,
        Datatype.FP64: types.DoubleTensorType,
        Datatype.INT64: types.Int64TensorType,
        Datatype.BOOL: types.BooleanTensorType,
    }
    for column in layout.columns:
        if column.datatype not in by_datatype:
            expected = f"one of {', '.join(by_datatype)}"
            raise ModelError(f"{where}: {column.name}", expected, column.datatype)
    return [(c.name, by_datatype[c.datatype]([None, 1])) for c in layout.columns]


def _tidied(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Name each opset once, which skl2onnx forgets, and the dimension that counts examples."""
    opsets = {opset.domain: opset.version for opset in proto.opset_import}
    del proto.opset_import[:]
    for domain, version in opsets.items():
        proto.opset_import.add(domain=domain, version=version)
    for value in [*proto.graph.input, *proto.graph.output]:
        shape = value.type.tensor_type.shape.dim
        if shape and not shape[0].dim_param and not shape[0].HasField("dim_value"):
            shape[0].dim_param = "N"
    return proto


def _note_classes(proto: onnx.ModelProto, estimator: Any) -> None:
    classes = getattr(estimator, "classes_", None)
    if isinstance(classes, np.ndarray) and classes.size:
        text = json.dumps([str(c) if isinstance(c, bytes) else c for c in classes.tolist()])
        proto.metadata_props.add(key=CLASSES, value=text)

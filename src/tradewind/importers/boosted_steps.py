"""Boosted trees that skl2onnx does not know, as parts of estimators of scikit-learn.

It knows no trees of other libraries, and no histogram gradient boosting that splits categories.
Those of XGBoost, LightGBM and CatBoost are read here as from files of theirs, and their graph
becomes a part of the whole.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tradewind.errors import ModelError
from tradewind.importers.catboost import forest_of as catboost_forest
from tradewind.importers.composition import everything_in
from tradewind.importers.forests.forest import Forest
from tradewind.importers.forests.histograms import forest_of as histogram_forest
from tradewind.importers.forests.histograms import is_histograms, splits_categories
from tradewind.importers.forests.writing import MATRIX, write
from tradewind.importers.lightgbm import forest_of as lightgbm_forest
from tradewind.importers.xgboost import forest_of as xgboost_forest

_WRAPPERS: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "xgboost": ("XGBModel", xgboost_forest),
    "lightgbm": ("LGBMModel", lightgbm_forest),
    "catboost": ("CatBoost", catboost_forest),
}
_SUMS = "raw_scores"
"""The option by which skl2onnx asks for what comes before the probabilities."""


def boosted_steps(estimator: Any) -> list[Any]:
    """Return the fitted models inside an estimator, however deep, whose trees are read here.

    Histogram gradient boosting without categories is among them only beside one that has some:
    skl2onnx knows one converter for each class.
    """
    found = [part for part in everything_in(estimator) if _reader(part) is not None]
    found = [part for part in found if _is_fitted(part)]  # patterns to fit copies of are not
    if any(splits_categories(part) for part in found):
        return found
    return [part for part in found if not is_histograms(part)]


def check_steps(steps: list[Any]) -> None:
    """Raise unless the trees of every step can be written, and it takes what it is handed.

    Raises:
        ModelError: one does not; it says what to do.
    """
    for step in steps:
        _forest(step, zeros_are_missing=False)


def may_miss_zeros(steps: list[Any]) -> bool:
    """Whether a step takes zeros that a sparse matrix leaves out for missing values."""
    return any(_library(step) == "xgboost" for step in steps)


@contextlib.contextmanager
def registered(steps: list[Any], *, zeros_are_missing: bool) -> Iterator[None]:
    """Let skl2onnx convert models that it does not know; afterwards it is as it was.

    Args:
        steps: as `boosted_steps` returns them.
        zeros_are_missing: what XGBoost makes of the zeros that a sparse matrix leaves out.
    """
    from skl2onnx import update_registered_converter
    from skl2onnx._parse import sklearn_parsers_map
    from skl2onnx._supported_operators import sklearn_operator_name_map
    from skl2onnx.common import _registration

    tables: list[dict[Any, Any]] = [
        sklearn_operator_name_map,
        _registration._converter_pool,
        _registration._shape_calculator_pool,
        sklearn_parsers_map,
    ]
    kept = [dict(table) for table in tables]
    convert = _converter(zeros_are_missing)
    try:
        for kind in {type(step) for step in steps}:
            options = {"zipmap": [True, False, "columns"], "nocl": [True, False]}
            if hasattr(kind, "decision_function"):  # which calibration asks, where there is one
                options[_SUMS] = [True, False]
            update_registered_converter(
                kind, _alias(kind), _set_shapes, convert, parser=_parse, options=options
            )
        yield
    finally:
        for table, before in zip(tables, kept, strict=True):
            table.clear()
            table.update(before)


def _is_fitted(part: Any) -> bool:
    if is_histograms(part):
        return hasattr(part, "_predictors")
    for question in ("__sklearn_is_fitted__", "is_fitted"):
        if hasattr(part, question):
            return bool(getattr(part, question)())
    return True


def _library(part: Any) -> str:
    return type(part).__module__.partition(".")[0]


def _reader(part: Any) -> Callable[[Any, str], Any] | None:
    """Return what reads the trees of a model, where skl2onnx may not know them."""
    if is_histograms(part):
        return histogram_forest
    for name, (wrapper, reader) in _WRAPPERS.items():
        library = sys.modules.get(name)
        if library is not None and isinstance(part, getattr(library, wrapper)):
            return reader
    return None


def _forest(model: Any, *, zeros_are_missing: bool, are_rounded: bool = False) -> Forest:
    """Return the trees of a step, which takes numbers or, of scikit-learn's own, texts as well."""
    reader = _reader(model)
    assert reader is not None
    where = type(model).__name__
    if is_histograms(model):
        return histogram_forest(model, where, are_rounded=are_rounded)
    found = reader(model, where)
    forest: Forest = found[0] if isinstance(found, tuple) else found
    if not forest.is_matrix:
        hint = "encode categories in a step before it, by OrdinalEncoder or OneHotEncoder."
        raise ModelError(where, "a step that takes numbers", "columns of categories", hint)
    if zeros_are_missing and _library(model) == "xgboost" and forest.missing is None:
        forest = replace(forest, missing=0.0)
    if forest.classes is not None:
        forest = replace(forest, classes=tuple(np.asarray(model.classes_).tolist()))
    return forest


def _alias(kind: type) -> str:
    return f"Tradewind{kind.__name__}"


def _parse(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """Declare what a model gives; not all of them say in scikit-learn's way what they are."""
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType

    operator = scope.declare_local_operator(_alias(type(model)), model)
    operator.inputs = inputs
    kinds = {"prediction": FloatTensorType()}
    if hasattr(model, "predict_proba"):
        kinds = {"label": Int64TensorType(), "probabilities": FloatTensorType()}
    for name, kind in kinds.items():
        operator.outputs.append(scope.declare_local_variable(name, kind))
    return operator.outputs


def _set_shapes(operator: Any) -> None:
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

    model = operator.raw_operator
    count = operator.inputs[0].get_first_dimension()
    if len(operator.outputs) > 1:
        classes = np.asarray(model.classes_)
        is_text = classes.dtype.kind in "OSU"
        operator.outputs[0].type = (StringTensorType if is_text else Int64TensorType)([count])
        operator.outputs[1].type = FloatTensorType([count, len(classes)])
    else:
        forest = _forest(model, zeros_are_missing=False)
        operator.outputs[0].type = FloatTensorType([count, forest.outputs])


def _converter(zeros_are_missing: bool) -> Callable[[Any, Any, Any], None]:
    def convert(scope: Any, operator: Any, container: Any) -> None:
        forest = _forest(
            operator.raw_operator,
            zeros_are_missing=zeros_are_missing,
            are_rounded=not all(variable.is_root for variable in operator.inputs),
        )
        columns = _columns(forest, operator, scope, container)
        outputs = [variable.full_name for variable in operator.outputs]
        options = container.get_options(operator.raw_operator, {_SUMS: False}, fail=False)
        if forest.classes is not None and options and options[_SUMS]:
            _add_sums(forest, columns, outputs, scope, container)
        else:
            _add_graph(write(forest), columns, outputs, scope, container)

    return convert


def _columns(forest: Forest, operator: Any, scope: Any, container: Any) -> dict[str, str]:
    """Return what a step is handed, by the names of the inputs that the graph of its trees has."""

    def add(kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        name = scope.get_unique_variable_name(name)
        container.add_node(kind, inputs, [name], op_version=13, **attributes)
        return name

    names = [variable.full_name for variable in operator.inputs]
    if forest.is_matrix:
        parts = [add("Cast", [name], "numbers", to=TensorProto.FLOAT) for name in names]
        return {MATRIX: add("Concat", parts, "rows", axis=1)}
    if len(names) != len(forest.features):
        hint = "hand it the columns as they are, or encode texts by an OrdinalEncoder before it."
        where, expected = type(operator.raw_operator).__name__, f"{len(forest.features)} columns"
        raise ModelError(where, expected, f"{len(names)} matrices of columns", hint)
    return {
        feature.name: name
        if feature.categories is not None
        else add("Cast", [name], "numbers", to=TensorProto.FLOAT)
        for feature, name in zip(forest.features, names, strict=True)
    }


def _add_sums(
    forest: Forest,
    columns: dict[str, str],
    outputs: list[str],
    scope: Any,
    container: Any,
) -> None:
    """Give a classifier's sums as skl2onnx has them: of two classes one is the other's negative."""
    label, shares = outputs
    sums = scope.get_unique_variable_name("sums") if forest.outputs == 1 else shares
    plain = replace(forest, classes=None, link="identity")
    _add_graph(write(plain), columns, [sums], scope, container)
    if forest.outputs == 1:
        negative = scope.get_unique_variable_name("negative")
        container.add_node("Neg", [sums], [negative], op_version=13)
        container.add_node("Concat", [negative, sums], [shares], op_version=13, axis=1)
    container.add_node("ArgMax", [shares], [label], op_version=13, axis=1, keepdims=0)


def _add_graph(
    proto: onnx.ModelProto,
    columns: dict[str, str],
    outputs: list[str],
    scope: Any,
    container: Any,
) -> None:
    """Make the graph of a forest a part of a larger one."""
    graph = proto.graph
    names = {**columns, "": ""}
    names |= dict(zip((value.name for value in graph.output), outputs, strict=False))
    versions = {opset.domain: opset.version for opset in proto.opset_import}
    for tensor in graph.initializer:
        names[tensor.name] = scope.get_unique_variable_name(tensor.name)
        array = numpy_helper.to_array(tensor)
        values = [one.encode() if isinstance(one, str) else one for one in array.ravel().tolist()]
        container.add_initializer(names[tensor.name], tensor.data_type, list(tensor.dims), values)
    for node in graph.node:
        for name in node.output:
            if name not in names:
                names[name] = scope.get_unique_variable_name(name)
        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        container.add_node(
            node.op_type,
            [names[name] for name in node.input],
            [names[name] for name in node.output],
            op_domain=node.domain,
            op_version=versions[node.domain],
            name=scope.get_unique_operator_name(node.name),
            **attributes,
        )

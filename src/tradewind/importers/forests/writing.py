"""A forest as an ONNX graph.

Exactness. What goes in is float32, and so are the thresholds. For a float32 x and a threshold t of
more digits, `x <= t` holds exactly when `x <= t'`, where t' is the largest float32 that is not
above t; so a library that compares in float64 is followed bit by bit as long as it is handed
float32 values, and every row ends in the same leaves as there. Leaves are added in float32, where
a library may add in float64: with a thousand trees that changes the sixth or seventh digit.
"""

import json
from dataclasses import replace
from typing import Any, final

import numpy as np
import onnx
from onnx import TensorProto, helper

from tradewind.importers.forests.forest import Feature, Forest
from tradewind.importers.forests.lookup import with_statistics
from tradewind.importers.forests.nodes import Nodes
from tradewind.importers.forests.numbering import DOMAIN, ensemble, has_sets, regressor
from tradewind.importers.forests.tables import Tables, tables_of
from tradewind.tensors import Array

CLASSES = "tradewind.classes"
MATRIX = "input"
ZERO = float(np.float32(1e-35))
"""Numbers as near to 0 as this count as 0 where 0 is a missing value."""

_OPSET, _ML_OPSET, _ML_OPSET_OF_SETS, _IR_VERSION = 17, 3, 5, 9


def write(forest: Forest) -> onnx.ModelProto:
    """Return a graph that answers as the forest does.

    Inputs: `input`, float32[N, features], or where the columns are no matrix each by its name,
    [N, 1]. Outputs: `label` and `probabilities` of a classifier, else `prediction`.
    """
    graph = _Graph(forest)
    if forest.looks_up:
        tables = tables_of(forest)
        rows = graph.looked_up(tables)
        graph.forest = replace(forest, trees=tables.trees)
        graph.has_sets = False
    else:
        rows = with_statistics(graph, forest, graph.rows())
    sums = graph.sums(rows)
    outputs = graph.predictions(sums) if forest.classes is None else graph.classified(sums)
    proto = helper.make_model(
        helper.make_graph(graph.nodes, "forest", graph.inputs(), outputs, graph.constants),
        opset_imports=[
            helper.make_opsetid("", _OPSET),
            helper.make_opsetid(DOMAIN, _ML_OPSET_OF_SETS if graph.has_sets else _ML_OPSET),
        ],
        ir_version=_IR_VERSION,
    )
    if forest.classes is not None:
        text = json.dumps([c if isinstance(c, str) else _plain(c) for c in forest.classes])
        proto.metadata_props.add(key=CLASSES, value=text)
    return proto


def _plain(label: object) -> object:
    return label.item() if isinstance(label, np.generic) else label


@final
class _Graph(Nodes):
    """The graph of one forest."""

    def __init__(self, forest: Forest) -> None:
        super().__init__({MATRIX} if forest.is_matrix else {f.name for f in forest.features})
        self.forest = forest
        self.has_sets = has_sets(forest)

    def inputs(self) -> list[onnx.ValueInfoProto]:
        forest = self.forest
        if forest.is_matrix:
            size = len(forest.features)
            return [helper.make_tensor_value_info(MATRIX, TensorProto.FLOAT, ["N", size])]
        return [
            helper.make_tensor_value_info(
                feature.name,
                TensorProto.STRING if feature.is_text else TensorProto.FLOAT,
                ["N", 1],
            )
            for feature in forest.features
        ]

    def rows(self) -> str:
        """Return float32[N, features] with NaN for all that is missing and codes for categories."""
        forest = self.forest
        rows = MATRIX
        if not forest.is_matrix:
            columns = [self._column(number) for number in range(len(forest.features))]
            rows = self.add("Concat", columns, axis=1) if len(columns) > 1 else columns[0]
        nan = np.array(np.nan, np.float32)
        if forest.missing is not None and not np.isnan(forest.missing):
            said = self.constant(np.array(forest.missing, np.float32))
            rows = self.add("Where", [self.add("Equal", [rows, said]), self.constant(nan), rows])
        zeros = np.array([[feature.is_zero_missing for feature in forest.features]])
        if zeros.any():
            limits = np.where(zeros, np.float32(ZERO), np.float32(-1)).astype(np.float32)
            size = self.add("Abs", [rows])
            is_zero = self.add("LessOrEqual", [size, self.constant(limits)])
            rows = self.add("Where", [is_zero, self.constant(nan), rows])
        return self._rounded(rows)

    def looked_up(self, tables: Tables) -> str:
        """Return float32[N, columns], the numbers and whether each set holds the categories."""
        forest = self.forest
        parts = [forest.features[number].name for number in tables.plain]
        if forest.is_matrix and parts:
            parts = [self._picked(tables.plain)]
        for number, table in tables.tables.items():
            feature = forest.features[number]
            values = self._picked((number,)) if forest.is_matrix else feature.name
            codes = self._place(values, feature)
            found = self.add("Gather", [self.constant(table), codes], axis=0)
            parts.append(self.add("Cast", [found], to=TensorProto.FLOAT))
        return self.add("Concat", parts, axis=1)

    def _picked(self, numbers: tuple[int, ...]) -> str:
        """Return some columns of the matrix."""
        return self.add("Gather", [MATRIX, self.constant(np.array(numbers, np.int64))], axis=1)

    def _place(self, values: str, feature: Feature) -> str:
        """Return int64[N], the codes of categories, one more than the last for all that is none."""
        categories = feature.categories
        assert categories is not None
        keys: dict[str, Any] = {
            "keys_strings" if feature.is_text else "keys_floats": list(categories)
        }
        codes = self.add(
            "LabelEncoder",
            [values],
            domain=DOMAIN,
            **keys,
            values_int64s=list(range(len(categories))),
            default_int64=len(categories),
        )
        return self.add("Squeeze", [codes, self.constant(np.array([1], np.int64))])

    def _column(self, number: int) -> str:
        feature = self.forest.features[number]
        if feature.categories is None:
            return feature.name
        codes = [float(code) for code in range(len(feature.categories))]
        kind = "strings" if feature.is_text else "floats"
        keys: dict[str, Any] = {f"keys_{kind}": list(feature.categories)}
        return self.add(
            "LabelEncoder",
            [feature.name],
            domain=DOMAIN,
            **keys,
            values_floats=codes,
            default_float=float("nan"),
        )

    def _rounded(self, rows: str) -> str:
        """Turn numbers in columns of codes into whole ones, as the library does by a cast."""
        ways = [feature.rounding for feature in self.forest.features]
        for way in ("down", "to zero"):
            chosen = np.array([[found == way for found in ways]])
            if not chosen.any():
                continue
            if way == "down":
                whole = self.add("Floor", [rows])
            else:
                size = self.add("Floor", [self.add("Abs", [rows])])
                whole = self.add("Mul", [self.add("Sign", [rows]), size])
            everywhere = bool(chosen.all())
            rows = whole if everywhere else self.add("Where", [self.constant(chosen), whole, rows])
        return rows

    def sums(self, rows: str) -> str:
        forest = self.forest
        name = self.free("sums")
        if forest.weights is not None:
            zero = self.constant(np.array(0, np.float32))
            known = self.add("Where", [self.add("IsNaN", [rows]), zero, rows])
            weights = self.constant(forest.weights.astype(np.float32))
            base = self.constant(forest.base.astype(np.float32))
            self.nodes.append(helper.make_node("Gemm", [known, weights, base], [name], name=name))
        elif self.has_sets:
            self.nodes.append(ensemble(forest, rows, name))
            if forest.base.any():
                base = self.constant(forest.base.astype(np.float32)[None])
                name = self.add("Add", [name, base])
        else:
            self.nodes.append(regressor(forest, rows, name))
        if forest.scale != 1:
            scale = self.constant(np.array(forest.scale, np.float32))
            name = self.add("Mul", [name, scale])
        return name

    def predictions(self, sums: str) -> list[onnx.ValueInfoProto]:
        link = self.forest.link
        if link == "identity":
            found = self.add("Identity", [sums], "prediction")
        elif link == "signed square":
            found = self.add("Mul", [sums, self.add("Abs", [sums])], "prediction")
        elif link == "step":
            found = self._step(sums, "prediction")
        else:
            kind = {"sigmoid": "Sigmoid", "exp": "Exp", "softplus": "Softplus"}[link]
            found = self.add(kind, [sums], "prediction")
        outputs = self.forest.outputs
        return [helper.make_tensor_value_info(found, TensorProto.FLOAT, ["N", outputs])]

    def _step(self, sums: str, output: str = "") -> str:
        zero = self.constant(np.array(0, np.float32))
        return self.add("Cast", [self.add("Greater", [sums, zero])], output, to=TensorProto.FLOAT)

    def classified(self, sums: str) -> list[onnx.ValueInfoProto]:
        """Return the outputs of a classifier."""
        forest = self.forest
        classes = forest.classes
        assert classes is not None
        if forest.outputs > 1:
            is_softmax = forest.link == "softmax"
            kind, settings = ("Softmax", {"axis": 1}) if is_softmax else ("Sigmoid", {})
            shares = self.add(kind, [sums], "probabilities", **settings)
        else:
            second = self._step(sums) if forest.link == "step" else self.add("Sigmoid", [sums])
            first = self.add("Sub", [self.constant(np.array(1, np.float32)), second])
            shares = self.add("Concat", [first, second], "probabilities", axis=1)
        labels = _labels(classes)
        plain = labels.dtype.kind == "i" and np.array_equal(labels, np.arange(len(labels)))
        best = self.add("ArgMax", [shares], "label" if plain else "", axis=1, keepdims=0)
        if not plain:
            best = self.add("Gather", [self.constant(labels), best], "label")
        element = TensorProto.INT64 if labels.dtype.kind == "i" else TensorProto.STRING
        return [
            helper.make_tensor_value_info(best, element, ["N"]),
            helper.make_tensor_value_info(shares, TensorProto.FLOAT, ["N", len(labels)]),
        ]


def _labels(classes: tuple[object, ...]) -> Array:
    """Return the classes as int64 where all are whole numbers, else as texts."""
    plain = [_plain(label) for label in classes]
    if all(isinstance(label, (bool, int, float)) and label == int(label) for label in plain):
        return np.array([int(label) for label in plain], np.int64)  # type: ignore[call-overload]
    return np.array([str(label) for label in plain], object)

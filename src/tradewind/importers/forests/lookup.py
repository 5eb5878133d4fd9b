"""Statistics of combinations of columns, as nodes that look them up.

What the parts of a combination hold is numbered as a cell of an array with one axis for each part,
and the cells of all statistics lie one behind the other. The array is never written down: one
`LabelEncoder` lists the cells that hold something, which is as fast as Gather from all of them.
"""

import math

import numpy as np
from onnx import TensorProto

from tradewind.importers.forests.forest import Forest, Part
from tradewind.importers.forests.nodes import Nodes
from tradewind.importers.forests.numbering import DOMAIN
from tradewind.tensors import Array


def with_statistics(graph: Nodes, forest: Forest, rows: str) -> str:
    """Add what is looked up to the columns.

    Args:
        graph: gets the nodes.
        forest: whose statistics are meant.
        rows: the name of float32[N, features].

    Returns:
        the name of float32[N, features + statistics], NaN where nothing is found.
    """
    if not forest.statistics:
        return rows
    parts = sorted({part for one in forest.statistics for part in one.parts}, key=_order)
    found = _Lookup(graph, forest, parts).found(graph.add("Transpose", [rows]))
    return graph.add("Concat", [rows, graph.add("Transpose", [found])], axis=1)


def _order(part: Part) -> tuple[int, int, float, int, bool]:
    kind = 1 if part.above is not None else 2 if part.category is not None else 0
    return kind, part.feature, part.above or 0.0, part.category or 0, part.missing_yes


class _Lookup:
    """The nodes from columns to statistics; all arrays are [.., N], which Gather copies faster."""

    def __init__(self, graph: Nodes, forest: Forest, parts: list[Part]) -> None:
        self._graph = graph
        self._features = forest.features
        self._statistics = forest.statistics
        self._parts = parts

    def found(self, columns: str) -> str:
        """Return float32[statistics, N]."""
        add, constant = self._graph.add, self._graph.constant
        counts = [math.prod(one.sizes(self._features)) for one in self._statistics]
        starts = np.cumsum([0, *counts[:-1]])
        # float64 is exact up to 2**53, and its product takes a tenth of the time of whole numbers'
        sums = add("MatMul", [constant(self._strides()), self._codes(columns)])
        whole = add("Cast", [sums], to=TensorProto.INT64)
        keys = [
            start + one.places @ np.array(one.strides(self._features), np.int64)
            for start, one in zip(starts, self._statistics, strict=True)
        ]
        return add(
            "LabelEncoder",
            [add("Add", [whole, constant(starts[:, None])])],
            "statistics",
            domain=DOMAIN,
            keys_int64s=np.concatenate(keys).tolist(),
            values_floats=np.concatenate([one.values for one in self._statistics]).tolist(),
            default_float=float("nan"),
        )

    def _strides(self) -> Array:
        """Return float64[statistics, parts]: by how many cells each answer moves on."""
        places = {part: place for place, part in enumerate(self._parts)}
        strides = np.zeros((len(self._statistics), len(self._parts)))
        for row, one in enumerate(self._statistics):
            for part, stride in zip(one.parts, one.strides(self._features), strict=True):
                strides[row, places[part]] += stride
        return strides

    def _codes(self, columns: str) -> str:
        """Return float64[parts, N]."""
        add = self._graph.add
        kinds = [[part for part in self._parts if _order(part)[0] == kind] for kind in range(3)]
        makers = (self._categories, self._above, self._equal)
        codes = [
            add("Cast", [maker(self._taken(columns, parts), parts)], to=TensorProto.DOUBLE)
            for maker, parts in zip(makers, kinds, strict=True)
            if parts
        ]
        return add("Concat", codes, axis=0) if len(codes) > 1 else codes[0]

    def _taken(self, columns: str, parts: list[Part]) -> str:
        numbers = np.array([part.feature for part in parts], np.int64)
        return self._graph.add("Gather", [columns, self._graph.constant(numbers)], axis=0)

    def _categories(self, taken: str, parts: list[Part]) -> str:
        none = [[part.size(self._features) - 1] for part in parts]
        last = self._graph.constant(np.array(none, np.float32))
        return self._graph.add("Where", [self._graph.add("IsNaN", [taken]), last, taken])

    def _above(self, taken: str, parts: list[Part]) -> str:
        borders = self._graph.constant(np.array([[part.above] for part in parts], np.float32))
        above = self._graph.add("Greater", [taken, borders])
        missing = np.array([[part.missing_yes] for part in parts])
        if not missing.any():
            return above
        yes = [self._graph.add("IsNaN", [taken]), self._graph.constant(missing)]
        return self._graph.add("Or", [above, self._graph.add("And", yes)])

    def _equal(self, taken: str, parts: list[Part]) -> str:
        codes = np.array([[part.category] for part in parts], np.float32)
        return self._graph.add("Equal", [taken, self._graph.constant(codes)])

"""What a product of a given size costs on this machine, by running it alone."""

import time
from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from tradewind.engines import Engine
from tradewind.model import Model, Origin
from tradewind.passes.pruning.positions import Labels
from tradewind.passes.pruning.tracing import Product, Tracing, constant, is_weight, name_of
from tradewind.tensors import Array, Tensors

_TURN_S = 0.01
_MIN_CALLS = 5


class Stopwatch:
    """Times products on an engine, each size once.

    The fastest of several calls counts: whatever else the machine does only adds to the others.

    Args:
        engine: what runs them.
        trace: knows the axes of their inputs.
    """

    def __init__(self, engine: Engine, trace: Tracing) -> None:
        self._engine = engine
        self._trace = trace
        self._known: dict[tuple[object, ...], float] = {}

    def __call__(self, product: Product, length: Callable[[Labels], int]) -> float:
        """Return the seconds that a product takes when its axes have other lengths."""
        node = product.node
        values = [value for value in node.inputs if value is not None]
        shapes = [tuple(length(axis) for axis in self._trace.labels(value)) for value in values]
        attributes = {name: str(one.value) for name, one in node.attributes.items()}
        group = node.attributes.get_int("group", 1)
        if group > 1 and self._trace.shape(values[1])[1] == 1 and node.op_type == "Conv":
            group = shapes[0][1]
        key = (node.op_type, tuple(shapes), group, tuple(sorted(attributes.items())))
        if key not in self._known:
            self._known[key] = self._time(node, values, shapes, group)
        return self._known[key]

    def _time(
        self, node: ir.Node, values: list[ir.Value], shapes: list[tuple[int, ...]], group: int
    ) -> float:
        model, inputs = _alone(node, values, shapes, group)
        return fastest_s(self._engine, model, inputs)


def fastest_s(engine: Engine, model: Model, inputs: Tensors) -> float:
    """Return the seconds of the fastest of several calls of a model."""
    best = np.inf
    with engine.compile(model) as runner:
        runner(inputs)
        end, calls = time.perf_counter() + _TURN_S, 0
        while calls < _MIN_CALLS or time.perf_counter() < end:
            before = time.perf_counter()
            runner(inputs)
            best = min(best, time.perf_counter() - before)
            calls += 1
    return best


def _alone(
    node: ir.Node, values: list[ir.Value], shapes: list[tuple[int, ...]], group: int
) -> tuple[Model, dict[str, Array]]:
    """Return a graph of one node with inputs for it; weights are random."""
    random = np.random.default_rng(0)
    fresh: dict[str, ir.Value] = {}
    inputs: dict[str, Array] = {}
    weights: list[ir.Value] = []
    for value, shape in zip(values, shapes, strict=True):
        name = name_of(value)
        present = constant(value)
        kind = present.dtype if present is not None else np.dtype(np.float32)
        array = random.standard_normal(shape).astype(kind)
        fresh[name] = ir.Value(
            name=name, shape=ir.Shape(shape), type=ir.TensorType(ir.tensor(array).dtype)
        )
        if is_weight(value):
            fresh[name].const_value = ir.tensor(array, name=name)
            weights.append(fresh[name])
        else:
            inputs[name] = array
    attributes = [
        ir.AttrInt64("group", group) if name == "group" else attribute
        for name, attribute in node.attributes.items()
    ]
    copy = ir.Node("", node.op_type, [fresh[name_of(v)] if v else None for v in node.inputs],
                   attributes)  # fmt: skip
    out = copy.outputs[0]
    out.name, out.type = "out", ir.TensorType(ir.DataType.FLOAT)
    out.shape = ir.Shape([None] * _rank(node, shapes))
    opsets = node.graph.opset_imports if node.graph is not None else {"": 17}
    graph = ir.Graph(
        [fresh[name] for name in inputs], [out], nodes=[copy], initializers=weights,
        opset_imports=dict(opsets), name="alone",
    )  # fmt: skip
    whole = Model(b"", Origin("onnx", node.op_type)).with_graph(ir.Model(graph, ir_version=8))
    return whole, inputs


def _rank(node: ir.Node, shapes: list[tuple[int, ...]]) -> int:
    return max(len(shape) for shape in shapes[:2])

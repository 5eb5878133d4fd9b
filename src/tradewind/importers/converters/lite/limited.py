"""An LSTM whose memory is kept within limits, which ONNX's own has no word for."""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from .reading import Array
from .writing import Writer


@dataclass(frozen=True, eq=False)
class Cell:
    """The weights of an LSTM, gates in the order input, output, forget, cell.

    Args:
        weights: float32[4 * units, features].
        recurrent: float32[4 * units, units].
        bias: float32[4 * units].
        limit: the memory is kept between -limit and limit.
    """

    weights: Array
    recurrent: Array
    bias: Array
    limit: float


def limited(writer: Writer, sequence: str, cell: Cell) -> str:
    """Add a loop over frames; return its outputs, [time, batch, units].

    Args:
        writer: the graph in the making.
        sequence: the name of the inputs, [time, batch, features].
        cell: what is done in every frame.
    """
    units = cell.recurrent.shape[1]
    batch = writer.node("Shape", [sequence], start=1, end=2)
    zeros = writer.node("Concat", [batch, writer.integers([units])], axis=0)
    state = writer.node("ConstantOfShape", [zeros])
    frame = _frame(writer, cell)
    names = [f"{writer.prefix}{name}" for name in ("last_output", "last_memory", "outputs")]
    inputs = [state, state, sequence]
    return writer.split("Scan", inputs, names, body=frame, num_scan_inputs=1)[2]


def _frame(writer: Writer, cell: Cell) -> onnx.GraphProto:
    """Return what happens in one frame: output, memory and input in, both and the output out."""
    inner = Writer(writer.graph, writer.file, writer.names, writer.names.new("frame") + "/")
    new = inner.names.new
    before, memory, given = new("frame_before"), new("frame_memory"), new("frame_input")
    weights = inner.constant(cell.weights.T, "weights")
    recurrent = inner.constant(cell.recurrent.T, "recurrent")
    total = inner.node("Add", [inner.node("MatMul", [given, weights]), inner.constant(cell.bias)])
    total = inner.node("Add", [total, inner.node("MatMul", [before, recurrent])])
    names = [inner.prefix + name for name in ("in", "out", "forget", "new")]
    gates = inner.split("Split", [total], names, axis=1, num_outputs=4)
    opened, passed, kept = (inner.node("Sigmoid", [gate]) for gate in gates[:3])
    added = inner.node("Mul", [opened, inner.node("Tanh", [gates[3]])])
    memorized = inner.node("Add", [inner.node("Mul", [kept, memory]), added])
    limits = [inner.constant(np.float32(limit), "limit") for limit in (-cell.limit, cell.limit)]
    memorized = inner.node("Clip", [memorized, *limits])
    output = inner.node("Mul", [passed, inner.node("Tanh", [memorized])])
    copy = inner.node("Identity", [output])

    def described(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)

    inputs = [described(name) for name in (before, memory, given)]
    outputs = [described(name) for name in (output, memorized, copy)]
    return helper.make_graph(inner.nodes, "frame", inputs, outputs, inner.initializers)

"""Recurrent models with their states among their inputs and outputs, as exporters write them."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, final

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from tradewind.engines import OnnxRuntime
from tradewind.errors import EngineError
from tradewind.model import Model, Origin
from tradewind.runners import Runner
from tradewind.serve import State
from tradewind.tensors import Array, Signature, Tensors

Sizes = Mapping[str, Sequence[int | str]]

SIZE, WIDTH = 3, 5
BAD = -99.0
GRU_STATES = (State("h_in", "h_out"),)
COUNTER_STATES = (State("sum_in", "sum_out", 0.5), State("steps_in", "steps_out"))


def gru(random: np.random.Generator) -> onnx.ModelProto:
    """x [N, 3] and h_in [1, N, 5] to y [N, 5] and h_out: one step of a GRU, as PyTorch has it."""
    weights = {
        "w": random.standard_normal((1, 3 * WIDTH, SIZE)),
        "r": random.standard_normal((1, 3 * WIDTH, WIDTH)),
        "b": random.standard_normal((1, 6 * WIDTH)),
    }
    nodes = [
        helper.make_node("Unsqueeze", ["x", "zero"], ["time"]),
        helper.make_node("GRU", ["time", "w", "r", "b", "", "h_in"], ["all", "h_out"],
                         hidden_size=WIDTH, linear_before_reset=1),
        helper.make_node("Squeeze", ["all", "zero_one"], ["y"]),
    ]  # fmt: skip
    constants = [
        *(numpy_helper.from_array(array.astype(np.float32), name)
          for name, array in weights.items()),
        numpy_helper.from_array(np.array([0]), "zero"),
        numpy_helper.from_array(np.array([0, 1]), "zero_one"),
    ]  # fmt: skip
    state: Sequence[int | str] = [1, "N", WIDTH]
    return _proto(
        nodes, {"x": ["N", SIZE], "h_in": state}, {"y": ["N", WIDTH], "h_out": state}, constants
    )


def counter() -> onnx.ModelProto:
    """y = what x came to until now, from 0.5, and n = how many steps that were; exact in FP32."""
    nodes = [
        helper.make_node("Add", ["x", "sum_in"], ["sum_out"]),
        helper.make_node("Identity", ["sum_out"], ["y"]),
        helper.make_node("Add", ["steps_in", "one"], ["steps_out"]),
        helper.make_node("Identity", ["steps_out"], ["n"]),
    ]
    one = numpy_helper.from_array(np.array([[1]]), "one")
    given: Sizes = {"x": ["N", 2], "sum_in": ["N", 2], "steps_in": ["N", 1]}
    taken: Sizes = {"y": ["N", 2], "n": ["N", 1], "sum_out": ["N", 2], "steps_out": ["N", 1]}
    return _proto(nodes, given, taken, [one])


@final
class Slowed(Runner):
    """Takes its time for every answer of another runner; has none for BAD."""

    def __init__(self, inner: Runner, delay_s: float) -> None:
        self._inner = inner
        self._delay_s = delay_s

    @property
    def signature(self) -> Signature:
        return self._inner.signature

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        time.sleep(self._delay_s)
        if (inputs["x"] == BAD).any():
            raise EngineError("x", "no bad number", "one")
        return self._inner(inputs)

    def close(self) -> None:
        self._inner.close()


def compiled(proto: onnx.ModelProto) -> Runner:
    return OnnxRuntime(threads=1).compile(Model.from_proto(proto, Origin("onnx", "recurrent")))


def stepped(
    proto: onnx.ModelProto, states: Iterable[State], rows: Iterable[Array]
) -> Iterator[dict[str, Array]]:
    """Yield the outputs of each step of one sequence, as ONNX Runtime alone computes them.

    Args:
        proto: of the model.
        states: of it.
        rows: x of each step, without the batch.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    names = [one.name for one in session.get_outputs()]
    shapes = {one.name: (one.shape, one.type) for one in session.get_inputs()}
    held = {}
    for state in states:
        shape, kind = shapes[state.input]
        sizes = [size if isinstance(size, int) else 1 for size in shape]
        held[state.input] = np.full(sizes, state.start, np.int64 if "int64" in kind else np.float32)
    for row in rows:
        found: dict[str, Any] = dict(
            zip(names, session.run(names, {"x": row[None], **held}), strict=True)
        )
        held = {state.input: found[state.output] for state in states}
        yield found


def _proto(
    nodes: list[onnx.NodeProto],
    inputs: Sizes,
    outputs: Sizes,
    constants: list[onnx.TensorProto],
) -> onnx.ModelProto:
    def told(sizes: Sizes) -> list[onnx.ValueInfoProto]:
        return [
            helper.make_tensor_value_info(
                name,
                TensorProto.INT64 if name.startswith(("steps", "n")) else TensorProto.FLOAT,
                shape,
            )
            for name, shape in sizes.items()
        ]

    graph = helper.make_graph(nodes, "recurrent", told(inputs), told(outputs), constants)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(proto)
    return proto

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper
from tests.cases.building import graph, normal

from tradewind.measure.roofline import LayerGroup
from tradewind.measure.roofline.kernels import Kernel, kernels
from tradewind.model import Model, Origin
from tradewind.tensors import Array

_FLOAT, _BYTE = 4, 1


def _kernels(
    nodes: Sequence[onnx.NodeProto],
    shape: tuple[int | str, ...],
    weights: dict[str, Array],
    precision: str = "f32",
    inputs: dict[str, tuple[int, ...]] | None = None,
) -> list[Kernel]:
    last = nodes[-1].output[0]
    proto = graph(
        nodes, {"x": (np.float32, shape)}, {last: (np.float32, [f"d{n}" for n in shape])},
        weights, opset=21,
    )  # fmt: skip
    onnx.checker.check_model(proto)
    return kernels(Model.from_proto(proto, Origin("onnx", "test")), inputs, precision)


def _node(kind: str, inputs: str, output: str, **settings: object) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), [output], **settings)  # type: ignore[arg-type]


def test_what_follows_a_convolution_number_by_number_writes_nothing_between(
    random: np.random.Generator,
) -> None:
    weights = {"w": normal(random, 4, 3, 1, 1), "b": normal(random, 4, 1, 1)}
    nodes = [_node("Conv", "x w", "c"), _node("Add", "c b", "a"), _node("Relu", "a", "y")]
    (found,) = _kernels(nodes, (2, 3, 5, 5), weights)
    assert found.group is LayerGroup.CONVOLUTION
    assert found.nodes == [0, 1, 2]
    assert found.macs == 2 * 4 * 5 * 5 * 3
    assert found.weight_bytes == (4 * 3 + 4) * _FLOAT
    assert found.activation_bytes == (2 * 3 * 5 * 5 + 2 * 4 * 5 * 5) * _FLOAT


def test_a_shortcut_is_read_by_the_later_of_two_convolutions(random: np.random.Generator) -> None:
    weights = {"v": normal(random, 3, 3, 1, 1), "w": normal(random, 3, 3, 1, 1)}
    nodes = [_node("Conv", "x v", "a"), _node("Conv", "a w", "b"), _node("Add", "b a", "y")]
    first, second = _kernels(nodes, (1, 3, 4, 4), weights)
    size = 3 * 4 * 4 * _FLOAT
    assert first.activation_bytes == 2 * size  # x, and a, which others read
    assert second.nodes == [1, 2]
    assert second.activation_bytes == 2 * size  # a once, and y, but not b


def test_a_depthwise_convolution_is_a_group_of_its_own(random: np.random.Generator) -> None:
    nodes = [_node("Conv", "x w", "y", group=6)]
    (found,) = _kernels(nodes, (1, 6, 4, 4), {"w": normal(random, 6, 1, 3, 3)})
    assert found.group is LayerGroup.DEPTHWISE
    nodes = [_node("Conv", "x w", "y", group=3)]
    (found,) = _kernels(nodes, (1, 6, 4, 4), {"w": normal(random, 6, 2, 3, 3)})
    assert found.group is LayerGroup.CONVOLUTION


def test_a_quantized_product_moves_and_computes_eight_bits(random: np.random.Generator) -> None:
    weights: dict[str, Array] = {
        "s": np.array(0.1, np.float32),
        "z": np.array(3, np.uint8),
        "w8": random.integers(0, 255, (16, 8)).astype(np.uint8),
    }
    nodes = [
        _node("QuantizeLinear", "x s z", "x8"),
        _node("DequantizeLinear", "x8 s z", "xd"),
        _node("DequantizeLinear", "w8 s z", "w"),
        _node("MatMul", "xd w", "m"),
        _node("Relu", "m", "r"),
        _node("QuantizeLinear", "r s z", "r8"),
        _node("DequantizeLinear", "r8 s z", "y"),
    ]
    first, second = _kernels(nodes, (32, 16), weights)
    constants = 4 + 1  # scale and zero point
    assert first.group is LayerGroup.ELEMENTWISE
    assert first.activation_bytes == 32 * 16 * (_FLOAT + _BYTE)
    assert (second.group, second.arithmetic) == (LayerGroup.DENSE, "int8")
    assert second.macs == 32 * 16 * 8
    assert second.weight_bytes == 16 * 8 * _BYTE + constants
    assert second.activation_bytes == 32 * 16 * _BYTE + 32 * 8 * _BYTE


def test_weights_alone_in_eight_bits_are_computed_in_floats(random: np.random.Generator) -> None:
    weights: dict[str, Array] = {
        "s": np.array(0.1, np.float32),
        "z": np.array(3, np.uint8),
        "w8": random.integers(0, 255, (16, 8)).astype(np.uint8),
    }
    nodes = [_node("DequantizeLinear", "w8 s z", "w"), _node("MatMul", "x w", "y")]
    (found,) = _kernels(nodes, (4, 16), weights)
    assert (found.arithmetic, found.weight_bytes) == ("f32", 16 * 8 * _BYTE)


def test_an_engine_that_computes_in_bf16_moves_half(random: np.random.Generator) -> None:
    nodes = [_node("MatMul", "x w", "y")]
    (whole,) = _kernels(nodes, (4, 16), {"w": normal(random, 16, 8)})
    (half,) = _kernels(nodes, (4, 16), {"w": normal(random, 16, 8)}, "bf16")
    assert half.arithmetic == "bf16"
    assert half.weight_bytes == whole.weight_bytes / 2
    assert half.activation_bytes == whole.activation_bytes / 2


def test_attention_is_told_from_dense_layers() -> None:
    nodes = [
        _node("Transpose", "x", "t", perm=[0, 2, 1]),
        _node("MatMul", "x t", "scores"),
        _node("Softmax", "scores", "weights", axis=-1),
        _node("MatMul", "weights x", "y"),
    ]
    found = _kernels(nodes, ("N", 6, 4), {}, inputs={"x": (3, 6, 4)})
    attention = LayerGroup.ATTENTION
    assert [one.group for one in found] == [LayerGroup.MOVEMENT, attention, attention, attention]
    assert sum(one.macs or 0 for one in found) == 2 * 3 * 6 * 6 * 4


def test_steps_of_a_normalization_become_one_kernel() -> None:
    nodes = [
        _node("ReduceMean", "x", "m", axes=[-1]),
        _node("Sub", "x m", "d"),
        _node("Mul", "d d", "q"),
        _node("ReduceMean", "q", "v", axes=[-1]),
        _node("Sqrt", "v", "s"),
        _node("Div", "d s", "y"),
    ]
    proto = graph(nodes, {"x": (np.float32, (4, 8))}, {"y": (np.float32, (4, 8))}, {}, opset=13)
    (found,) = kernels(Model.from_proto(proto, Origin("onnx", "test")))
    assert found.group is LayerGroup.ELEMENTWISE
    assert found.activation_bytes == 2 * 4 * 8 * _FLOAT  # in and out


def test_an_embedding_reads_only_the_rows_that_are_asked_for(random: np.random.Generator) -> None:
    proto = graph(
        [_node("Gather", "table ids", "y")], {"ids": (np.int64, (2, 3))},
        {"y": (np.float32, (2, 3, 16))}, {"table": normal(random, 1000, 16)},
    )  # fmt: skip
    (found,) = kernels(Model.from_proto(proto, Origin("onnx", "test")))
    rows = 2 * 3 * 16 * _FLOAT
    assert found.group is LayerGroup.EMBEDDING
    assert (found.weight_bytes, found.activation_bytes) == (rows, rows + 2 * 3 * 8)


def test_constants_are_computed_before(random: np.random.Generator) -> None:
    nodes = [_node("Transpose", "w", "t", perm=[1, 0]), _node("MatMul", "x t", "y")]
    (found,) = _kernels(nodes, (4, 16), {"w": normal(random, 8, 16)})
    assert (found.group, found.weight_bytes) == (LayerGroup.DENSE, 16 * 8 * _FLOAT)

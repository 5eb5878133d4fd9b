"""Operators that ONNX Runtime adds, compared with its own."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from tests.cases.building import normal, scalar
from tests.cases.comparing import assert_close

from tradewind.engines.untracked import ort
from tradewind.errors import UnsupportedModel
from tradewind.interpreter import TorchGraph
from tradewind.model import Model, Origin
from tradewind.tensors import Array

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra `train`)")

Random = np.random.Generator


def single(op: str, inputs: dict[str, Array], outputs: int = 1, **attributes: Any) -> Model:
    """Return a graph of one node of com.microsoft; `x...` are inputs, the others weights."""
    fed = {name: array for name, array in inputs.items() if name.startswith("x")}
    graph = helper.make_graph(
        [
            helper.make_node(
                op, [name if array.size else "" for name, array in inputs.items()],
                [f"y{at}" for at in range(outputs)], domain="com.microsoft", **attributes,
            )
        ],
        "single",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for name, a in fed.items()
        ],
        [onnx.ValueInfoProto(name=f"y{at}") for at in range(outputs)],
        [
            numpy_helper.from_array(array, name)
            for name, array in inputs.items()
            if name not in fed and array.size
        ],
    )  # fmt: skip
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return Model.from_proto(
        helper.make_model(graph, opset_imports=imports, ir_version=8), Origin("onnx", op)
    )


def run_both(model: Model, fed: dict[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return what the interpreter and what ONNX Runtime answers."""
    session = ort.InferenceSession(model.content, providers=["CPUExecutionProvider"])
    wanted = session.run(None, fed)
    proto = model.to_proto()
    for value, array in zip(proto.graph.output, wanted, strict=True):
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        value.CopyFrom(helper.make_tensor_value_info(value.name, kind, array.shape))
    with torch.no_grad():
        answers = TorchGraph(model.with_proto(proto))(
            {name: torch.from_numpy(array) for name, array in fed.items()}
        )
    got = {name: tensor.numpy() for name, tensor in answers.items()}
    return got, dict(zip(got, wanted, strict=True))


def steps(random: Random, *shape: int) -> Array:
    return random.integers(-128, 128, shape).astype(np.int8)


CASES: dict[str, Callable[[Random], tuple[str, dict[str, Array], dict[str, Any]]]] = {
    "attention": lambda r: (
        "Attention",
        {"x": normal(r, 2, 5, 8), "w": normal(r, 8, 24) / 3, "b": normal(r, 24)},
        {"num_heads": 2},
    ),
    "attention_causal": lambda r: (
        "Attention",
        {"x": normal(r, 2, 5, 8), "w": normal(r, 8, 24) / 3, "b": normal(r, 24)},
        {"num_heads": 4, "unidirectional": 1},
    ),
    "attention_masked": lambda r: (
        "Attention",
        {
            "x": normal(r, 2, 5, 8),
            "w": normal(r, 8, 24) / 3,
            "b": normal(r, 24),
            "xmask": np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32),
        },
        {"num_heads": 2},
    ),
    "multi_head": lambda r: (
        "MultiHeadAttention",
        {
            "xq": normal(r, 2, 4, 8),
            "xk": normal(r, 2, 6, 8),
            "xv": normal(r, 2, 6, 8),
            "b": normal(r, 24),
        },
        {"num_heads": 2},
    ),
    "skip_layer_norm": lambda r: (
        "SkipLayerNormalization",
        {
            "x": normal(r, 2, 5, 8),
            "xs": normal(r, 2, 5, 8),
            "g": normal(r, 8),
            "h": normal(r, 8),
            "b": normal(r, 8),
        },
        {"epsilon": 1e-5},
    ),
    "skip_rms_norm": lambda r: (
        "SkipSimplifiedLayerNormalization",
        {"x": normal(r, 2, 5, 8), "xs": normal(r, 2, 5, 8), "g": normal(r, 8)},
        {"epsilon": 1e-5},
    ),
    "embed_layer_norm": lambda r: (
        "EmbedLayerNormalization",
        {
            "x": r.integers(0, 20, (2, 6)).astype(np.int32),
            "xs": r.integers(0, 2, (2, 6)).astype(np.int32),
            "words": normal(r, 20, 8),
            "places": normal(r, 10, 8),
            "kinds": normal(r, 2, 8),
            "g": normal(r, 8),
            "h": normal(r, 8),
        },
        {"epsilon": 1e-5},
    ),
    "bias_gelu": lambda r: ("BiasGelu", {"x": normal(r, 3, 8), "b": normal(r, 8)}, {}),
    "fast_gelu": lambda r: ("FastGelu", {"x": normal(r, 3, 8), "b": normal(r, 8)}, {}),
    "gelu": lambda r: ("Gelu", {"x": normal(r, 3, 8)}, {}),
    "quick_gelu": lambda r: ("QuickGelu", {"x": normal(r, 3, 8)}, {"alpha": 1.5}),
    "fused_matmul": lambda r: (
        "FusedMatMul",
        {"x": normal(r, 2, 4, 3), "w": normal(r, 5, 4)},
        {"alpha": 0.5, "transA": 1, "transB": 1},
    ),
    "fused_gemm": lambda r: (
        "FusedGemm",
        {"x": normal(r, 3, 4), "w": normal(r, 4, 5), "b": normal(r, 5)},
        {"activation": "LeakyRelu", "activation_alpha": 0.2},
    ),
    "fused_conv": lambda r: (
        "FusedConv",
        {"x": normal(r, 2, 3, 6, 6), "w": normal(r, 4, 3, 3, 3), "b": normal(r, 4)},
        {"activation": "Relu", "pads": [1, 1, 1, 1]},
    ),
    "linear_add": lambda r: (
        "QLinearAdd",
        {
            "x": steps(r, 2, 8),
            "s": scalar(0.02),
            "z": scalar(3, np.int8),
            "xb": steps(r, 2, 8),
            "t": scalar(0.03),
            "u": scalar(-5, np.int8),
            "v": scalar(0.05),
            "w": scalar(1, np.int8),
        },
        {},
    ),
    "linear_mul": lambda r: (
        "QLinearMul",
        {
            "x": steps(r, 2, 8),
            "s": scalar(0.02),
            "z": scalar(3, np.int8),
            "xb": steps(r, 2, 8),
            "t": scalar(0.03),
            "u": scalar(-5, np.int8),
            "v": scalar(0.06),
            "w": scalar(1, np.int8),
        },
        {},
    ),
    "linear_sigmoid": lambda r: (
        "QLinearSigmoid",
        {
            "x": steps(r, 2, 8),
            "s": scalar(0.02),
            "z": scalar(3, np.int8),
            "v": scalar(1 / 256),
            "w": scalar(-128, np.int8),
        },
        {},
    ),
    "linear_global_mean": lambda r: (
        "QLinearGlobalAveragePool",
        {
            "x": steps(r, 2, 3, 4, 4),
            "s": scalar(0.02),
            "z": scalar(3, np.int8),
            "v": scalar(0.01),
            "w": scalar(0, np.int8),
        },
        {"channels_last": 0},
    ),
    "linear_concat": lambda r: (
        "QLinearConcat",
        {
            "v": scalar(0.03),
            "w": scalar(0, np.int8),
            "x": steps(r, 2, 3),
            "s": scalar(0.02),
            "z": scalar(3, np.int8),
            "xb": steps(r, 2, 4),
            "t": scalar(0.03),
            "u": scalar(1, np.int8),
        },
        {"axis": 1},
    ),
    "linear_gemm": lambda r: (
        "QGemm",
        {
            "x": steps(r, 2, 6),
            "s": scalar(0.02),
            "z": scalar(3, np.int8),
            "m": steps(r, 6, 4),
            "t": scalar(0.03),
            "u": scalar(0, np.int8),
            "c": r.integers(-900, 900, 4).astype(np.int32),
            "v": scalar(0.1),
            "w": scalar(1, np.int8),
        },
        {},
    ),
    "integer_to_float": lambda r: (
        "MatMulIntegerToFloat",
        {"x": steps(r, 2, 6), "m": steps(r, 6, 4), "s": scalar(0.02), "t": scalar(0.03)},
        {},
    ),
    "dynamic_matmul": lambda r: (
        "DynamicQuantizeMatMul",
        # halved: without instructions for dot products sums of larger ones saturate
        {"x": normal(r, 2, 6), "m": steps(r, 6, 4) // 2, "t": scalar(0.03)},
        {},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_answered_as_onnx_runtime_does(name: str, random: Random) -> None:
    op, inputs, attributes = CASES[name](random)
    outputs = 2 if op == "EmbedLayerNormalization" else 1
    model = single(op, inputs, outputs, **attributes)
    got, wanted = run_both(model, {key: a for key, a in inputs.items() if key.startswith("x")})
    for key, array in wanted.items():
        if array.dtype == np.int8:
            # a value half-way between two steps may be rounded to either
            assert np.abs(got[key].astype(int) - array).max() <= 1
        else:
            assert_close({key: got[key]}, {key: array}, 2e-5)


def test_a_form_that_is_not_known_is_refused_by_name(random: Random) -> None:
    inputs = {"x": normal(random, 2, 5, 8), "w": normal(random, 8, 24), "b": normal(random, 24)}
    model = single("Attention", inputs, num_heads=2, do_rotary=1)
    proto = model.to_proto()
    proto.graph.output[0].CopyFrom(
        helper.make_tensor_value_info("y0", onnx.TensorProto.FLOAT, [2, 5, 8])
    )
    with pytest.raises(UnsupportedModel, match="no rotation"):
        TorchGraph(model.with_proto(proto))({"x": torch.from_numpy(inputs["x"])})

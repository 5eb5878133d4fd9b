import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper
from tests.cases.narrowing import narrowed

from tradewind.engines import OnnxRuntime
from tradewind.errors import SettingError
from tradewind.model import Model, Origin
from tradewind.passes import Observed, QuantizeStatic, Smooth, check, compare
from tradewind.passes.quantization.biases import correct_biases
from tradewind.passes.quantization.preparing import prepared
from tradewind.tensors import Array

Weights = dict[str, Array]


def _model(nodes: list[NodeProto], weights: Weights, opset: int = 17) -> Model:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 8])],
        [
            numpy_helper.from_array(values.astype(np.float32), name)
            for name, values in weights.items()
        ],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return Model.from_proto(proto, Origin("onnx", "net.onnx"))


def _norm_weights(random: np.random.Generator) -> Weights:
    scale = random.uniform(0.5, 1, 8)
    scale[random.integers(8)] = 60.0  # the channel with outliers
    return {
        "gamma": scale,
        "beta": random.normal(0, 0.1, 8),
        "w": random.standard_normal((8, 8)) / (8 * scale[:, None]),
        "b": random.normal(0, 0.1, 8),
    }


def _examples(random: np.random.Generator, count: int = 60) -> Array:
    return random.standard_normal((count, 8)).astype(np.float32)


NORM = helper.make_node("LayerNormalization", ["x", "gamma", "beta"], ["h"], axis=-1)
MATMUL = helper.make_node("MatMul", ["h", "w"], ["m"])
ADD = helper.make_node("Add", ["m", "b"], ["y"])
FORMS: dict[str, list[NodeProto]] = {
    "normalization": [NORM, MATMUL, ADD],
    "gemm": [NORM, helper.make_node("Gemm", ["h", "w", "b"], ["y"], transB=1)],
    "taken_apart": [
        helper.make_node("Mul", ["x", "gamma"], ["g"]),
        helper.make_node("Add", ["beta", "g"], ["h"]),
        MATMUL,
        ADD,
    ],
    "shared": [NORM, MATMUL, helper.make_node("Add", ["m", "h"], ["y"])],
    "same_weight_twice": [
        NORM,
        MATMUL,
        helper.make_node("MatMul", ["m", "w"], ["y"]),
    ],
}


@pytest.mark.parametrize("form", FORMS)
def test_smoothing_changes_no_answer(form: str, random: np.random.Generator) -> None:
    model = _model(FORMS[form], _norm_weights(random))
    x = _examples(random)
    change = Smooth().apply(model, Observed({"x": x}))
    assert change.summary == "1 normalizations smoothed"
    assert change.model != model
    # two more roundings of 32-bit floats in each product
    assert check(model, change.model, {"x": x[:9]}, OnnxRuntime(), is_lossless=True).relative < 1e-5
    names = [node.op_type for node in change.model.to_proto().graph.node]
    assert names.count("LayerNormalization") == {"shared": 2, "taken_apart": 0}.get(form, 1)


def test_outliers_of_one_channel_cost_less_when_smoothed(random: np.random.Generator) -> None:
    model = _model(FORMS["normalization"], _norm_weights(random))
    seen = Observed({"x": _examples(random, 200)})
    x = {"x": _examples(random, 200)}
    with OnnxRuntime().compile(model) as original:
        wanted = original(x)
    losses = []
    for step in (QuantizeStatic(), QuantizeStatic(smooths=True)):
        with OnnxRuntime().compile(narrowed(step).apply(model, seen).model) as runner:
            losses.append(compare(wanted, runner(x)).relative)
    assert losses[1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    "nodes",
    [
        [NORM, helper.make_node("Relu", ["h"], ["y"])],
        [helper.make_node("Relu", ["x"], ["h"]), MATMUL, ADD],
        [
            helper.make_node("Mul", ["x", "gamma"], ["h"]),
            MATMUL,
            helper.make_node("Add", ["m", "h"], ["y"]),
        ],
    ],
    ids=["no_product", "no_normalization", "shared_scale"],
)
def test_what_cannot_be_smoothed_stays_as_it_is(
    nodes: list[NodeProto], random: np.random.Generator
) -> None:
    model = _model(nodes, _norm_weights(random))
    change = Smooth().apply(model, Observed({"x": _examples(random)}))
    assert (change.model, change.summary) == (model, "nothing to smooth")


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_share_outside_its_range_is_named(alpha: float) -> None:
    with pytest.raises(SettingError, match=r"^alpha: expected"):
        Smooth(alpha=alpha)


PLAIN: dict[str, list[NodeProto]] = {
    "matmul": [helper.make_node("MatMul", ["x", "w"], ["m"]), ADD],
    "gemm": [helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)],
    "no_bias": [helper.make_node("Gemm", ["x", "w"], ["y"])],
}


@pytest.mark.parametrize("form", PLAIN)
def test_a_bias_takes_back_the_mean_error_of_rounding(
    form: str, random: np.random.Generator
) -> None:
    model = _model(
        PLAIN[form], {"w": random.standard_normal((8, 8)), "b": random.standard_normal(8)}
    )
    seen = Observed({"x": _examples(random, 120) + 2})  # a mean that is not zero
    exact = prepared(model)
    rounded = QuantizeStatic(per_channel=False).apply(model, seen).model.to_proto()
    for tensor in rounded.graph.initializer:
        if tensor.data_type == TensorProto.INT8 and len(tensor.dims) == 2:
            # weights in eight steps only: so coarse that the mean error shows
            coarse = (np.round(numpy_helper.to_array(tensor) / 32) * 32).clip(-128, 96)
            tensor.CopyFrom(numpy_helper.from_array(coarse.astype(np.int8), tensor.name))
    wanted = _outputs(exact, seen)
    before = _outputs(rounded, seen) - wanted
    assert correct_biases(model, exact, rounded, seen) == 1
    shift = _outputs(exact, seen) - wanted
    # the sum itself is rounded to one of 256 steps, with a mean near zero
    left = np.abs((before + shift).mean(0))
    assert left.max() < 0.2 * np.abs(before.mean(0)).max()


def _outputs(proto: onnx.ModelProto, seen: Observed) -> Array:
    with OnnxRuntime().compile(Model.from_proto(proto, Origin("onnx", "net.onnx"))) as runner:
        return runner(seen.inputs)["y"]

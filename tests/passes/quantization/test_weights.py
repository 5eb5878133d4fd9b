import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tradewind.engines import OnnxRuntime, OpenVINO
from tradewind.model import Model, Origin
from tradewind.passes import Observed, QuantizeWeights, compare
from tradewind.passes.quantization.weights import quantized_rows
from tradewind.tensors import Array


def _model(nodes: list[NodeProto], weights: dict[str, Array], width: int) -> Model:
    kinds = TensorProto.INT64 if nodes[0].op_type == "Gather" else TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", kinds, ["n", width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(values.astype(np.float32), name)
            for name, values in weights.items()
        ],
    )
    del graph.output[0].type.tensor_type.shape.dim[:]
    graph.output[0].type.tensor_type.shape.dim.add().dim_param = "n"
    for axis in range(2 if kinds == TensorProto.INT64 else 1):
        graph.output[0].type.tensor_type.shape.dim.add().dim_param = f"d{axis}"
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return Model.from_proto(proto, Origin("onnx", "net.onnx"))


@pytest.mark.parametrize("bits", [4, 8])
def test_no_weight_moves_by_more_than_its_step(bits: int, random: np.random.Generator) -> None:
    rows = random.standard_normal((5, 24)).astype(np.float32)
    rows[2] = 0
    whole, scales = quantized_rows(rows, 8, bits)
    assert scales.shape == (5, 3)
    assert (scales > 0).all()
    steps = np.repeat(scales, 8, axis=1)
    assert whole.min() >= -(2 ** (bits - 1))
    assert whole.max() < 2 ** (bits - 1)
    # half a step by rounding; 4 bits may clip as much as 30% of the largest
    allowed = steps * 0.5001 if bits == 8 else np.abs(rows) * 0.3 + steps * 0.5001
    assert (np.abs(whole * steps - rows) <= allowed).all()


def test_four_bits_lose_less_than_with_the_full_range(random: np.random.Generator) -> None:
    rows = random.standard_normal((20, 64)).astype(np.float32)
    whole, scales = quantized_rows(rows, 64, 4)
    full = np.abs(rows).max(1, keepdims=True) / 7
    plain = np.round(rows / full) * full
    assert ((whole * scales - rows) ** 2).sum() < ((plain - rows) ** 2).sum()


FORMS = {
    "matmul": ([helper.make_node("MatMul", ["x", "w"], ["y"])], (128, 20)),
    "gemm": ([helper.make_node("Gemm", ["x", "w"], ["y"])], (128, 20)),
    "gemm_turned": ([helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)], (20, 128)),
    "odd": ([helper.make_node("MatMul", ["x", "w"], ["y"])], (33, 7)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("step", "tolerance"),
    [
        # half a step of 127, or of 7, spread evenly and compared with a normal weight
        (QuantizeWeights(), 0.02),
        (QuantizeWeights(block="32"), 0.02),
        (QuantizeWeights(weights="s4", block="128"), 0.25),
        (QuantizeWeights(weights="s4", block="32"), 0.2),
    ],
    ids=lambda value: value.label if isinstance(value, QuantizeWeights) else "",
)
def test_products_answer_alike_with_fewer_bytes(
    form: str, step: QuantizeWeights, tolerance: float, random: np.random.Generator
) -> None:
    nodes, shape = FORMS[form]
    depth = shape[1] if form == "gemm_turned" else shape[0]
    model = _model(nodes, {"w": random.standard_normal(shape)}, depth)
    changed = step.apply(model, Observed({})).model
    x = {"x": random.standard_normal((6, depth)).astype(np.float32)}
    for kind in (OnnxRuntime, OpenVINO) if form == "gemm_turned" else (OnnxRuntime,):
        with kind().compile(model) as one, kind().compile(changed) as other:
            # the tail of a product of few weights is wider than the mean
            assert compare(one(x), other(x)).relative < 2 * tolerance, kind.name
    weights = changed.to_proto().graph.initializer
    stored = sum(tensor.ByteSize() for tensor in weights if "/int" in tensor.name)
    bits = 8 if step.weights == "s8" else 4
    assert stored < np.prod(shape) * bits / 8 + 60
    assert "w" not in {tensor.name for tensor in weights}


def test_rows_of_embeddings_are_dequantized_when_they_are_looked_up(
    random: np.random.Generator,
) -> None:
    table = random.standard_normal((50, 16)) * random.lognormal(0, 3, (50, 1))
    model = _model([helper.make_node("Gather", ["t", "x"], ["y"])], {"t": table}, 3)
    changed = QuantizeWeights().apply(model, Observed({})).model
    x = random.integers(-50, 50, (4, 3))
    with OnnxRuntime().compile(changed) as runner:
        found = runner({"x": x})["y"]
    wanted = table[x]
    # half a step of each row, however small its values
    allowed = np.abs(wanted).max(-1, keepdims=True) / 127 * 0.51
    assert (np.abs(found - wanted) <= allowed).all()
    assert changed.to_proto().graph.initializer[0].data_type == TensorProto.INT8


def test_a_weight_that_others_need_stays(random: np.random.Generator) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Add", ["m", "w"], ["y"]),
    ]
    model = _model(nodes, {"w": random.standard_normal((8, 8))}, 8)
    changed = QuantizeWeights().apply(model, Observed({})).model
    assert "w" in {tensor.name for tensor in changed.to_proto().graph.initializer}
    x = {"x": random.standard_normal((8, 8)).astype(np.float32)}
    with OnnxRuntime().compile(model) as one, OnnxRuntime().compile(changed) as other:
        assert compare(one(x), other(x)).relative < 0.02


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3)])
def test_recurrent_layers_have_a_step_for_each_gate(
    kind: str, gates: int, random: np.random.Generator
) -> None:
    weights = {
        "w": random.standard_normal((2, gates * 5, 4)),
        "r": random.standard_normal((2, gates * 5, 5)) / 3,
    }
    nodes = [
        helper.make_node("Unsqueeze", ["x", "axes"], ["t"]),
        helper.make_node(
            kind, ["t", "w", "r"], ["all", "last"], hidden_size=5, direction="bidirectional"
        ),
        helper.make_node("ReduceSum", ["last", "axes"], ["y"], keepdims=0),
    ]
    model = _model(nodes, weights, 4)
    proto = model.to_proto()
    proto.graph.initializer.append(numpy_helper.from_array(np.array([0]), "axes"))
    model = model.with_proto(proto)
    changed = QuantizeWeights().apply(model, Observed({})).model
    x = {"x": random.standard_normal((6, 4)).astype(np.float32)}
    for engine in (OnnxRuntime(), OpenVINO()):
        with engine.compile(model) as one, engine.compile(changed) as other:
            # half a step of 127 for each weight, through one step in time
            assert compare(one(x), other(x)).relative < 0.05
    stored = {tensor.name for tensor in changed.to_proto().graph.initializer}
    assert not stored & {"w", "r"}

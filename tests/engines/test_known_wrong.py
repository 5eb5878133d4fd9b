"""What a runtime is known to answer wrongly is refused; what it answers rightly is not."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from tests.cases.building import graph, scalar

from tradewind.engines import Engine, OnnxRuntime, OpenVINO
from tradewind.errors import EngineError, UnsupportedModel
from tradewind.importers import load_model
from tradewind.model import Model, Origin

FLOAT = np.float32


def _model(proto: onnx.ModelProto) -> Model:
    return Model.from_proto(proto, Origin("onnx", "x.onnx"))


def _lstm(**attributes: Any) -> Model:
    """Return an LSTM of 3 units, with peepholes where `peepholes` says so."""
    names = ["x", "w", "r", "", "", "", "", "p" if attributes.pop("peepholes", 0) else ""]
    node = helper.make_node("LSTM", names, ["y"], hidden_size=3, **attributes)
    weights = {
        "w": np.ones((1, 12, 2), FLOAT),
        "r": np.ones((1, 12, 3), FLOAT),
        "p": np.ones((1, 9), FLOAT),
    }
    return _model(graph([node], {"x": (FLOAT, (5, 1, 2))}, {"y": (FLOAT, (5, 1, 1, 3))}, weights))


def _resize(scales: tuple[float, ...] = (1, 1, 2, 2), **attributes: Any) -> Model:
    node = helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="cubic", **attributes)
    sizes: list[int | str] = ["a", "b", "c", "d"]
    return _model(
        graph(
            [node],
            {"x": (FLOAT, (1, 1, 6, 6))},
            {"y": (FLOAT, sizes)},
            {"scales": np.array(scales, FLOAT)},
            opset=18,
        )
    )


def _dft(**attributes: Any) -> Model:
    node = helper.make_node("DFT", ["x"], ["y"], axis=1, **attributes)
    sizes: list[int | str] = ["a", "b", "c"]
    return _model(graph([node], {"x": (FLOAT, (1, 8, 1))}, {"y": (FLOAT, sizes)}, {}))


def _tile(*, is_known: bool) -> Model:
    inputs = {"x": (FLOAT, (2, 2))}
    if not is_known:
        inputs["times"] = (np.int64, (2,))  # type: ignore[assignment]
    weights = {"times": np.array([2, 3])} if is_known else {}
    node = helper.make_node("Tile", ["x", "times"], ["y"])
    return _model(graph([node], inputs, {"y": (FLOAT, ("a", "b"))}, weights))


def _attention(**attributes: Any) -> Model:
    shape = (1, 1, 4, 8)
    node = helper.make_node("Attention", ["q", "k", "v"], ["y"], **attributes)
    inputs = dict.fromkeys("qkv", (FLOAT, shape))
    return _model(graph([node], inputs, {"y": (FLOAT, shape)}, {}, opset=25))


def _one(kind: str, opset: int = 17, **attributes: Any) -> Model:
    """Return one operator between two tensors of four dimensions."""
    node = helper.make_node(kind, ["x", "w"] if kind == "ConvTranspose" else ["x"], ["y"])
    node.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())
    weights = {"w": np.ones((2, 1, 3, 3), FLOAT)} if kind == "ConvTranspose" else {}
    sizes: list[int | str] = ["a", "b", "c", "d"]
    inputs = {"x": (FLOAT, ("N", 2, 7, 7))}
    return _model(graph([node], inputs, {"y": (FLOAT, sizes)}, weights, opset=opset))


def _inside_a_branch() -> Model:
    branch = helper.make_graph(
        [helper.make_node("DFT", ["x"], ["z"], onesided=1)], "b", [],
        [helper.make_tensor_value_info("z", 1, None)],
    )  # fmt: skip
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    inputs = {"x": (FLOAT, (1, 8, 1)), "c": (np.bool_, ())}
    return _model(graph([node], inputs, {"y": (FLOAT, ("a", "b", "c"))}, {}))


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (_lstm(layout=1), "LSTM.*layout=1"),
        (_lstm(peepholes=1), "LSTM.*peepholes"),
        (_resize(antialias=1), "Resize.*antialias"),
        (_resize(exclude_outside=1), "Resize.*exclude_outside"),
        (_resize(keep_aspect_ratio_policy="not_larger"), "Resize.*keep_aspect_ratio_policy"),
        (_dft(onesided=1), "DFT.*one-sided"),
        (_tile(is_known=False), "Tile.*known only when asked"),
        (_attention(is_causal=1, left_window_size=2), "Attention.*`left_window_size`"),
        (_inside_a_branch(), "DFT"),
        (_one("ReduceL1", axes=[1]), "ReduceL1.*axes"),
        (_one("ReduceLogSumExp", 13, axes=[1]), "ReduceLogSumExp.*axes"),
        (_one("MaxPool", kernel_shape=[2, 2], strides=[3, 3], ceil_mode=1), "MaxPool.*ceil_mode"),
        (_one("ConvTranspose", auto_pad="SAME_UPPER"), "ConvTranspose.*auto_pad"),
        (_one("ConvTranspose", output_shape=[12, 12]), "ConvTranspose.*output_shape"),
        (
            _one("AveragePool", kernel_shape=[3, 3], ceil_mode=1, count_include_pad=1),
            "AveragePool.*count_include_pad",
        ),
    ],
)
def test_openvino_refuses(model: Model, what: str) -> None:
    with pytest.raises(UnsupportedModel, match=what):
        OpenVINO().compile(model)


@pytest.mark.parametrize(
    "model",
    [
        _lstm(),
        _lstm(layout=0),
        _resize(antialias=0),
        _dft(),
        _tile(is_known=True),
        _attention(),
        _one("ReduceL1"),
        _one("ReduceL1", 11, axes=[1]),
        _one("ReduceL2", axes=[1]),
        _one("MaxPool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
        _one("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1),
        _one("AveragePool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
        _one("ConvTranspose", strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]),
        *(
            _one(kind, opset, axis=axis)
            for kind in ("Softmax", "LogSoftmax")
            for opset in (7, 11, 12, 13)
            for axis in (0, 1, 2, 3)
        ),
    ],
)
def test_openvino_takes_what_it_answers_rightly(model: Model, random: np.random.Generator) -> None:
    inputs = {
        spec.name: random.standard_normal(
            [size if isinstance(size, int) else 2 for size in spec.shape]
        ).astype(FLOAT)
        for spec in model.signature.inputs
    }
    with OpenVINO().compile(model) as ours, OnnxRuntime().compile(model) as right:
        for name, wanted in right(inputs).items():
            # sums of eight numbers in another order
            np.testing.assert_allclose(ours(inputs)[name], wanted, rtol=1e-4, atol=1e-5)


def test_onnxruntime_refuses_to_place_maxima_in_a_larger_output() -> None:
    node = helper.make_node("MaxUnpool", ["x", "i", "s"], ["y"], kernel_shape=[2], strides=[2])
    model = _model(
        graph(
            [node],
            {"x": (FLOAT, (1, 1, 2)), "i": (np.int64, (1, 1, 2))},
            {"y": (FLOAT, ("a", "b", "c"))},
            {"s": np.array([1, 1, 5])},
        )
    )
    with pytest.raises(UnsupportedModel, match=r"MaxUnpool.*output shape"):
        OnnxRuntime().compile(model)


@pytest.mark.parametrize("engine", [OnnxRuntime(), OpenVINO()], ids=lambda e: e.name)
@pytest.mark.parametrize("kind", ["Identity", "Dropout"])
@pytest.mark.parametrize("batch", [2, "N"])
def test_an_input_that_is_only_handed_on_arrives(
    engine: Engine, kind: str, batch: int | str, random: np.random.Generator
) -> None:
    nodes = [
        helper.make_node(kind, ["x"], ["same"]),
        helper.make_node("Sub", ["same", "other"], ["y"]),
        helper.make_node("Identity", ["other"], ["z"]),
    ]
    floats = (FLOAT, (batch, 3))
    proto = graph(nodes, {"x": floats, "other": floats}, {"y": floats, "z": floats}, {})
    x, other = random.standard_normal((2, 2, 3)).astype(FLOAT)
    with engine.compile(load_model(proto)) as runner:
        answers = runner({"x": x, "other": other})
    assert np.array_equal(answers["y"], x - other)
    assert np.array_equal(answers["z"], other)


@pytest.mark.parametrize("engine", [OnnxRuntime(), OpenVINO()], ids=lambda e: e.name)
@pytest.mark.parametrize("largest", [0, 1])
def test_of_equal_values_topk_names_the_earlier_first(
    engine: Engine, largest: int, random: np.random.Generator
) -> None:
    node = helper.make_node("TopK", ["x", "k"], ["v", "i"], largest=largest)
    proto = graph(
        [node],
        {"x": (FLOAT, ("N", 40))},
        {"v": (FLOAT, ("N", 7)), "i": (np.int64, ("N", 7))},
        {"k": np.array([7])},
    )
    x = random.integers(0, 4, (5, 40)).astype(FLOAT)
    wanted = np.argsort(-x if largest else x, axis=1, kind="stable")[:, :7]
    with engine.compile(_model(proto)) as runner:
        assert np.array_equal(runner({"x": x})["i"], wanted)


@pytest.mark.parametrize("engine", [OnnxRuntime(), OpenVINO()], ids=lambda e: e.name)
@pytest.mark.parametrize("keep", [0, 1])
def test_the_maximum_of_minus_infinity_is_minus_infinity(engine: Engine, keep: int) -> None:
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["m"], axes=[1], keepdims=keep),
        helper.make_node("Equal", ["m", "low"], ["is_low"]),
    ]
    shape = ("N", 1) if keep else ("N",)
    proto = graph(
        nodes,
        {"x": (FLOAT, ("N", 3))},
        {"m": (FLOAT, shape), "is_low": (np.bool_, shape)},
        {"low": scalar(-np.inf)},
    )
    lowest = float(np.finfo(FLOAT).min)
    x = np.array([[-np.inf] * 3, [-np.inf, 1, -2], [lowest] * 3], FLOAT)
    with engine.compile(_model(proto)) as runner:
        answers = runner({"x": x})
    assert answers["m"].ravel().tolist() == [-np.inf, 1, lowest]
    assert answers["is_low"].ravel().tolist() == [True, False, False]


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39])
def test_openvino_refuses_doubles_that_it_would_cut_off(value: float) -> None:
    doubles = (np.float64, ("N",))
    proto = graph([helper.make_node("Neg", ["x"], ["y"])], {"x": doubles}, {"y": doubles}, {})
    with OpenVINO().compile(_model(proto)) as runner:
        assert runner({"x": np.array([2.0])})["y"].tolist() == [-2.0]
        with pytest.raises(EngineError, match="float32 can hold"):
            runner({"x": np.array([value])})


def test_an_answer_of_another_shape_than_promised_is_an_engine_error() -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    wrong = graph([node], {"x": (FLOAT, ("N", 2))}, {"y": (FLOAT, ("N", 3))}, {})
    with OpenVINO().compile(_model(wrong)) as runner, pytest.raises(EngineError, match="shape"):
        runner({"x": np.zeros((1, 2), FLOAT)})

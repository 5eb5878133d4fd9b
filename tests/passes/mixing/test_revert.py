"""Layers of an int8 graph that return to float."""

import numpy as np
import pytest
from tests.cases import CASES, Case
from tests.cases.comparing import assert_close
from tests.passes.mixing.nets import chain, examples, shared_and_several

from tradewind.engines import OnnxRuntime
from tradewind.errors import PassError
from tradewind.model import Model
from tradewind.passes import Observed, Pass, QuantizeNNCF, QuantizeStatic, RevertLayers
from tradewind.passes.mixing import layers, pair
from tradewind.tensors import Tensors

STATIC, NNCF = QuantizeStatic(), QuantizeNNCF()
QUANTIZED = (
    *((STATIC, name) for name in ("dense", "residual", "attention", "embedding")),
    *((NNCF, name) for name in ("residual", "depthwise", "listed_weights")),
    (QuantizeNNCF(is_transformer=True), "attention"),
)
BY_NAME = {case.name: case for case in CASES}


def _answers(model: Model, inputs: Tensors) -> Tensors:
    with OnnxRuntime().compile(model) as runner:
        return runner(inputs)


def _all(quantized: Model, original: Model) -> tuple[str, ...]:
    return tuple(layer.name for layer in layers(pair(quantized, original)))


def _kinds(model: Model) -> list[str]:
    return [node.op_type for node in model.to_proto().graph.node]


@pytest.mark.parametrize(
    ("step", "case"),
    [pytest.param(step, BY_NAME[name], id=f"{step.name}-{name}") for step, name in QUANTIZED],
)
def test_with_all_layers_in_float_the_original_is_back(
    step: Pass, case: Case, random: np.random.Generator
) -> None:
    quantized = step.apply(case.model, Observed(case.draw(random, 24))).model
    names = _all(quantized, case.model)
    assert names
    back = RevertLayers(names).apply(quantized, Observed({}, case.model))
    assert not {"QuantizeLinear", "DequantizeLinear"} & set(_kinds(back.model))
    assert back.model.signature == case.model.signature
    inputs = case.inputs(random)
    # the weights are the original's and not rounded ones; only the order of sums may differ
    assert_close(_answers(back.model, inputs), _answers(case.model, inputs), 1e-4)
    assert f"{len(names)} of {len(names)}" in back.summary


@pytest.mark.parametrize("step", [STATIC, NNCF], ids=lambda step: step.label)
def test_a_shared_weight_stays_int8_for_the_layer_that_keeps_it(
    step: Pass, random: np.random.Generator
) -> None:
    original = shared_and_several(random)
    quantized = step.apply(original, examples(random)).model
    assert set(_all(quantized, original)) == {"first", "second", "third"}
    back = RevertLayers(("second",)).apply(quantized, Observed({}, original)).model
    held = {tensor.name: tensor.data_type for tensor in back.to_proto().graph.initializer}
    assert 1 in held.values()  # a float one for the layer that returned
    assert 3 in held.values()  # an int8 one for the other
    assert _all(back, original) == ("first", "third")
    inputs = examples(random, 5).inputs
    before, after = _answers(original, inputs), _answers(back, inputs)
    for name, right in before.items():
        assert np.linalg.norm(after[name] - right) < 0.5 * np.linalg.norm(right)


def test_a_returned_layer_answers_as_it_does_in_float(random: np.random.Generator) -> None:
    original = chain(random, 2, 1)
    quantized = QuantizeStatic().apply(original, examples(random)).model
    inputs = examples(random).inputs
    wanted = _answers(original, inputs)["logits"]
    errors = []
    for names in ((), ("dense1",), ("dense0", "dense1")):
        back = RevertLayers(names).apply(quantized, Observed({}, original)).model
        error = np.linalg.norm(_answers(back, inputs)["logits"] - wanted)
        errors.append(float(error / np.linalg.norm(wanted)))
    # most of it is lost, then what 8 bits lose once, then what float32 loses
    assert errors[0] > 0.5
    assert 1e-4 < errors[1] < 0.3
    assert errors[2] < 1e-5


def test_an_activation_that_the_quantizer_folded_into_a_range_is_back(
    random: np.random.Generator,
) -> None:
    original = BY_NAME["dense"].model
    seen = Observed({"x": random.standard_normal((24, 16)).astype(np.float32)})
    quantized = QuantizeStatic().apply(original, seen).model
    assert "Relu" not in _kinds(quantized)
    [_, last] = _all(quantized, original)
    back = RevertLayers((last,)).apply(quantized, Observed({}, original)).model
    assert "Relu" in _kinds(back)


def test_without_layers_nothing_changes(random: np.random.Generator) -> None:
    model = chain(random, 2, 1)
    assert RevertLayers().apply(model, Observed({})).model == model


def test_what_cannot_be_returned_is_named(random: np.random.Generator) -> None:
    original = chain(random, 2, 1)
    quantized = QuantizeStatic().apply(original, examples(random)).model
    step = RevertLayers(("dense7",))
    with pytest.raises(PassError, match=r"layer called dense7.*\n.*those are dense0, dense1"):
        step.apply(quantized, Observed({}, original))
    with pytest.raises(PassError, match=r"dense7(.|\n)*quantize it first"):
        step.apply(original, Observed({}, original))
    with pytest.raises(PassError, match=r"--original"):
        step.apply(quantized, Observed({}))
    with pytest.raises(PassError, match=r"0 of its 4 nodes"):
        step.apply(quantized, Observed({}, shared_and_several(random)))

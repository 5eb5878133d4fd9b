"""Gradients on the tests that the ONNX package ships; `tests/conformance` looks at the answers."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from tests.conformance.cases import StandardCase, load_cases

from tradewind.errors import TradewindError, UnsupportedModel
from tradewind.interpreter import TABLE, TorchGraph, missing_operators
from tradewind.interpreter.datatypes import from_array
from tradewind.model import Model, Origin

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra `train`)")


def _model(case: StandardCase) -> Model | None:
    """Return a case's model, or None where something that is no numeric tensor goes in or out."""
    values = [*case.proto.graph.input, *case.proto.graph.output]
    if any(value.type.WhichOneof("value") != "tensor_type" for value in values):
        return None
    arrays = [array for one in case.examples for array in (*one.inputs, *one.outputs)]
    if any(array is None or array.dtype.kind in "OSU" for array in arrays):
        return None
    model = Model.from_proto(case.proto, Origin("onnx", case.name))
    try:
        assert model.signature
    except TradewindError:  # an element type without a name in the protocol, such as float8
        return None
    return model


def _cases() -> Iterator[tuple[StandardCase, Model]]:
    for case in load_cases():
        model = _model(case) if case.set != "light" else None
        if model is not None:
            yield case, model


SHARE = 0.15
"""Of the cases whose gradients are looked at in one run; each takes some tenths of a second."""

NOT_SMOOTH = re.compile(
    "acosh_example|cast|mod_float_edge|nan_robustness|fullymasked|mode3_softmax|qk_matmul_bias"
    "|local_window_gqa|_expanded|training_dropout|deform_conv_with_multiple|quantize"
)
"""Infinities and NaN among the inputs, whole rows that are masked, places on a kink, rounding, a
Dropout that is off only because its ratio, which is varied too, is 0."""


def test_gradients_of_the_standard_tests_are_those_of_small_differences(
    random: np.random.Generator,
) -> None:
    seen, failures = 0, []
    for case, model in _cases():
        is_left_out = case.set != "node" or NOT_SMOOTH.search(case.name)
        if is_left_out or random.random() > SHARE or missing_operators(model):
            continue
        try:
            seen += _checked(case, model, random)
        except UnsupportedModel:  # the operator is known, but not in this form
            continue
        except Exception as error:  # all that fail are told of, not the first alone
            failures.append(f"{case.name}: {' '.join(str(error).split())[:200]}")
    assert not failures, "\n".join(failures)
    assert seen > 50


def _checked(case: StandardCase, model: Model, random: np.random.Generator) -> bool:
    """Compare the gradients of one case; say whether it had any."""
    graph = TorchGraph(model, float_name="float64")
    node = case.proto.graph.node[0]
    operator = TABLE.get((node.domain, node.op_type))
    host = {node.input[at] for at in (operator.host if operator else ()) if at < len(node.input)}
    inputs, points = {}, {}
    names = [spec.name for spec in model.signature.inputs]
    for name, array in zip(names, case.examples[0].inputs, strict=False):
        assert array is not None
        tensor = from_array(array)
        if not tensor.is_floating_point() or not tensor.numel() or name in host:
            inputs[name] = tensor
            continue
        # a little to the side of kinks such as those of ReLU at 0, inside of every domain
        noise = torch.from_numpy(random.uniform(1e-4, 1e-3, array.shape))
        points[name] = (tensor.double() * (1 - noise) + noise * 0.1).requires_grad_()

    def answer(*given: object) -> tuple[object, ...]:
        found = graph({**inputs, **dict(zip(points, given, strict=True))})
        return tuple(one for one in found.values() if one.is_floating_point() and one.requires_grad)

    if not points or not answer(*points.values()):
        return False
    assert torch.autograd.gradcheck(
        answer, tuple(points.values()), fast_mode=True, atol=1e-4, rtol=1e-3
    )
    return True

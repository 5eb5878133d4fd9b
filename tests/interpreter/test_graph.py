"""Whole graphs computed by PyTorch, with their gradients."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from tests.cases import CASES, DENSE, Case
from tests.cases.building import graph, normal, weight
from tests.cases.comparing import assert_close

from tradewind.engines import OnnxRuntime
from tradewind.errors import EngineError, UnsupportedModel
from tradewind.interpreter import TorchGraph, missing_operators
from tradewind.model import Model, Origin
from tradewind.tensors import Array, Tensors

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra `train`)")

KNOWN = [case for case in CASES if not missing_operators(case.model)]
UNKNOWN = [case for case in CASES if missing_operators(case.model)]


def run(model: Model, inputs: Tensors, **settings: str) -> dict[str, Array]:
    """Return what the interpreter answers, as arrays."""
    given = {name: torch.from_numpy(np.array(array)) for name, array in inputs.items()}
    with torch.no_grad():
        answers = TorchGraph(model, **settings)(given)
    return {name: tensor.detach().numpy() for name, tensor in answers.items()}


@pytest.mark.parametrize("case", KNOWN, ids=str)
def test_the_shared_models_are_answered_as_the_reference_does(
    case: Case, random: np.random.Generator
) -> None:
    inputs = case.inputs(random)
    assert_close(run(case.model, inputs), case.reference(inputs), case.tolerance)


@pytest.mark.parametrize("case", UNKNOWN, ids=str)
def test_a_missing_operator_is_named(case: Case) -> None:
    missing = missing_operators(case.model)
    with pytest.raises(UnsupportedModel, match=missing[0]):
        TorchGraph(case.model)


def test_only_text_and_trees_are_missing_from_the_shared_models() -> None:
    missing = {name for case in UNKNOWN for name in missing_operators(case.model)}
    assert {name.rpartition(".")[0] for name in missing} == {"ai.onnx.ml"}


@pytest.mark.parametrize("case", KNOWN, ids=str)
def test_what_was_not_trained_comes_back_bit_by_bit(case: Case) -> None:
    before, after = case.model.graph.graph, TorchGraph(case.model).to_model().graph.graph
    assert list(before.initializers) == list(after.initializers)
    for name, value in before.initializers.items():
        old, new = value.const_value, after.initializers[name].const_value
        assert old is not None
        assert new is not None
        assert old.tobytes() == new.tobytes(), name
    assert [node.op_type for node in before] == [node.op_type for node in after]


@pytest.mark.parametrize(
    "name", ["dense", "residual", "attention", "lstm", "half", "listed_weights"]
)
def test_trained_weights_are_written_back(name: str, random: np.random.Generator) -> None:
    case = next(case for case in KNOWN if case.name == name)
    trained = TorchGraph(case.model)
    with torch.no_grad():
        for parameter in trained.parameters.values():
            noise = torch.from_numpy(normal(random, *parameter.shape))
            parameter += 0.1 * noise.to(parameter.dtype)
    model, inputs = trained.to_model(), case.inputs(random)
    assert model.signature == case.model.signature
    with torch.no_grad():
        wanted = trained({key: torch.from_numpy(value) for key, value in inputs.items()})
    with OnnxRuntime().compile(model) as runner:
        answers = runner(inputs)
    assert_close(answers, {key: value.numpy() for key, value in wanted.items()}, case.tolerance)


@pytest.mark.parametrize("name", ["dense", "residual", "attention", "lstm", "embedding", "branch"])
def test_gradients_are_those_of_small_differences(name: str, random: np.random.Generator) -> None:
    case = next(case for case in KNOWN if case.name == name)
    subject = TorchGraph(case.model, float_name="float64")
    inputs = {key: torch.from_numpy(value) for key, value in case.inputs(random, 2).items()}
    names = list(subject.parameters)
    assert names
    weights = tuple(subject.parameters.values())

    def answer(*given: object) -> object:
        subject.parameters.update(zip(names, given, strict=True))
        return next(iter(subject(inputs).values()))

    # kinks of ReLU within 1e-6 of a value are too rare to meet; fast mode draws one direction
    assert torch.autograd.gradcheck(answer, weights, fast_mode=True, atol=1e-4)


def test_single_numbers_of_a_formula_are_no_weights() -> None:
    case = next(case for case in KNOWN if case.name == "attention")
    assert {"root", "one", "half", "scale"}.isdisjoint(TorchGraph(case.model).parameters)
    assert {"wq", "w2", "gain"} <= set(TorchGraph(case.model).parameters)


def test_weights_in_constant_nodes_are_trained_and_written_back(
    random: np.random.Generator,
) -> None:
    kernel = onnx.numpy_helper.from_array(weight(random, 4, 3))
    proto = graph(
        [
            helper.make_node("Constant", [], ["w"], value=kernel),
            helper.make_node("MatMul", ["x", "w"], ["y"]),
        ],
        {"x": (np.float32, ("N", 4))}, {"y": (np.float32, ("N", 3))}, {},
    )  # fmt: skip
    trained = TorchGraph(Model.from_proto(proto, Origin("onnx", "constant.onnx")))
    with torch.no_grad():
        trained.parameters["w"].zero_()
    with OnnxRuntime().compile(trained.to_model()) as runner:
        assert not runner({"x": normal(random, 2, 4)})["y"].any()


def test_inner_values_are_returned_when_they_are_named(random: np.random.Generator) -> None:
    inputs = {key: torch.from_numpy(value) for key, value in DENSE.inputs(random).items()}
    answers = TorchGraph(DENSE.model)(inputs, also=["h", "r"])
    assert list(answers) == ["logits", "h", "r"]
    assert torch.equal(torch.relu(answers["h"]), answers["r"])
    with pytest.raises(EngineError, match="nowhere"):
        TorchGraph(DENSE.model)(inputs, also=["nowhere"])


def test_inputs_that_do_not_fit_are_an_error_that_names_the_node() -> None:
    with pytest.raises(EngineError, match=r"dense\.onnx.*Gemm.*\[2, 17\]"):
        TorchGraph(DENSE.model)({"x": torch.zeros(2, 17)})
    with pytest.raises(EngineError, match="the input x"):
        TorchGraph(DENSE.model)({"y": torch.zeros(2, 16)})


REAL = (
    "cifar10_resnets/resnet20", "cifar10_resnets/resnet32", "cifar10_resnets/resnet44",
    "cifar10_resnets/resnet56", "dtln/model_1", "dtln/model_2", "kwt1/kwt1_feat",
    "kwt1/kwt1_wave", "mlperf_tiny/pretrainedResnet_nchw", "mlperf_tiny/pretrainedResnet_nhwc",
    "mlperf_tiny/vww_96_float",
)  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_real_networks_are_answered_as_onnx_runtime_does(
    shared_data: Path, name: str, random: np.random.Generator
) -> None:
    model = Model((shared_data / f"{name}.onnx").read_bytes(), Origin("onnx", name))
    inputs = {
        spec.name: normal(random, *(size if isinstance(size, int) else 3 for size in spec.shape))
        for spec in model.signature.inputs
    }
    with OnnxRuntime().compile(model) as runner:
        assert_close(run(model, inputs), runner(inputs), 1e-5)  # fp32 in another order


@pytest.mark.parametrize("name", REAL)
def test_every_weight_of_a_real_network_has_a_gradient(
    shared_data: Path, name: str, random: np.random.Generator
) -> None:
    model = Model((shared_data / f"{name}.onnx").read_bytes(), Origin("onnx", name))
    subject = TorchGraph(model)
    inputs = {
        spec.name: torch.from_numpy(
            normal(random, *(size if isinstance(size, int) else 2 for size in spec.shape))
        )
        for spec in model.signature.inputs
    }
    torch.stack([one.square().sum() for one in subject(inputs).values()]).sum().backward()
    without = [key for key, one in subject.parameters.items() if one.grad is None]
    assert not without
    assert all(torch.isfinite(one.grad).all() for one in subject.parameters.values())

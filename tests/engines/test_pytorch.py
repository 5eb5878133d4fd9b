"""What is special about the engine that computes with PyTorch."""

from pathlib import Path

import numpy as np
import pytest
from tests.cases import CASES, DENSE
from tests.cases.building import normal
from tests.cases.cifar import cifar_model
from tests.cases.comparing import assert_close

from tradewind.engines import ENGINES, OnnxRuntime
from tradewind.engines.pytorch import PyTorch
from tradewind.errors import EngineError

pytestmark = pytest.mark.skipif(
    not PyTorch.is_installed(), reason="PyTorch is not installed (extra `train`)"
)


def test_it_is_among_the_engines_where_it_is_installed() -> None:
    assert PyTorch in ENGINES


@pytest.mark.parametrize("name", ["attention", "residual", "pixels"])
def test_what_was_recorded_answers_for_every_size(name: str, random: np.random.Generator) -> None:
    case = next(case for case in CASES if case.name == name)
    with PyTorch(is_compiled=True).compile(case.model) as runner:
        for examples in (2, 5, 2):
            inputs = case.inputs(random, examples)
            assert_close(runner(inputs), case.reference(inputs), case.tolerance)


def test_a_graph_that_decides_by_values_cannot_be_recorded(random: np.random.Generator) -> None:
    case = next(case for case in CASES if case.name == "branch")
    with PyTorch(is_compiled=True).compile(case.model) as runner, pytest.raises(EngineError):
        runner(case.inputs(random))


def test_an_input_of_another_type_is_named(random: np.random.Generator) -> None:
    with (
        PyTorch().compile(DENSE.model) as runner,
        pytest.raises(EngineError, match=r"pytorch: x: .*FP32.*float64"),
    ):
        runner({"x": random.standard_normal((2, 16))})


def test_a_real_network_is_answered_as_onnx_runtime_does(
    shared_data: Path, random: np.random.Generator
) -> None:
    model = cifar_model(shared_data, "resnet20")
    inputs = {"input": normal(random, 4, 3, 32, 32)}
    with PyTorch().compile(model) as runner, OnnxRuntime().compile(model) as other:
        assert_close(runner(inputs), other(inputs), 1e-5)  # fp32 in another order

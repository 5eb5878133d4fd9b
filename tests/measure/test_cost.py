from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from tests.cases.building import graph, normal

from tradewind.importers import load_model
from tradewind.measure import graph_cost
from tradewind.model import Model, Origin
from tradewind.tensors import Array


def _macs(
    node: str, shape: tuple[int, ...], weights: dict[str, Array], rank: int, **settings: object
) -> int | None:
    made = helper.make_node(node, ["x", *weights], ["y"], **settings)  # type: ignore[arg-type]
    proto = graph(
        [made], {"x": (np.float32, shape)}, {"y": (np.float32, [f"d{n}" for n in range(rank)])},
        weights, opset=21,
    )  # fmt: skip
    return graph_cost(Model.from_proto(proto, Origin("onnx", "test"))).macs


def test_a_convolution_counts_groups_strides_and_dilations(random: np.random.Generator) -> None:
    # 8 channels in 2 groups of 4 to 6 channels; 15 x 13 with pads 1, dilation 2 and stride 2
    # has (15 + 2 - 5) / 2 + 1 = 7 rows and (13 + 2 - 5) / 2 + 1 = 6 columns
    weight = normal(random, 6, 4, 3, 3)
    settings = {"group": 2, "strides": [2, 2], "dilations": [2, 2], "pads": [1, 1, 1, 1]}
    found = _macs("Conv", (2, 8, 15, 13), {"w": weight}, 4, **settings)
    assert found == 2 * 6 * 7 * 6 * 4 * 3 * 3


def test_a_transposed_convolution_counts_what_goes_in(random: np.random.Generator) -> None:
    found = _macs(
        "ConvTranspose", (1, 4, 5, 5), {"w": normal(random, 4, 3, 2, 2)}, 4, strides=[2, 2]
    )
    assert found == 1 * 4 * 5 * 5 * 3 * 2 * 2


def test_a_product_counts_every_broadcast_matrix(random: np.random.Generator) -> None:
    assert _macs("MatMul", (5, 1, 3, 7), {"w": normal(random, 2, 7, 4)}, 4) == 5 * 2 * 3 * 7 * 4


def test_a_transposed_gemm_counts_the_inner_size(random: np.random.Generator) -> None:
    assert _macs("Gemm", (7, 3), {"w": normal(random, 7, 4)}, 2, transA=1) == 3 * 7 * 4


def test_a_cell_counts_its_gates_in_both_directions(random: np.random.Generator) -> None:
    weights = {"w": normal(random, 2, 4 * 6, 5), "r": normal(random, 2, 4 * 6, 6)}
    found = _macs("LSTM", (9, 3, 5), weights, 4, hidden_size=6, direction="bidirectional")
    assert found == 9 * 3 * 2 * 4 * 6 * (5 + 6)


def test_an_equation_counts_all_its_letters(random: np.random.Generator) -> None:
    found = _macs("Einsum", (2, 3, 4), {"w": normal(random, 4, 5)}, 3, equation="bij,jk->bik")
    assert found == 2 * 3 * 4 * 5


@pytest.mark.parametrize("equation", ["...ij,jk->...ik"])
def test_what_cannot_be_counted_is_unknown(equation: str, random: np.random.Generator) -> None:
    assert _macs("Einsum", (2, 3, 4), {"w": normal(random, 4, 5)}, 3, equation=equation) is None


@pytest.mark.parametrize(
    ("model", "macs"),
    [
        ("cifar10_resnets/resnet56.onnx", 125_485_696),
        ("mlperf_tiny/vww_96_float.onnx", 7_489_664),
        ("kwt1/kwt1_feat.onnx", 73_698_560),
    ],
)
def test_real_models_cost_what_another_counter_says(
    model: str, macs: int, shared_data: Path
) -> None:
    # onnx-tool 1.0.1: its counts of Conv, MatMul and Gemm less one for each number that has a bias
    assert graph_cost(load_model(shared_data / model)).macs == macs

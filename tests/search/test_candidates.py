import re

import numpy as np
import pytest
from onnx import helper
from tests.cases import CASES, Case
from tests.cases.building import graph
from tests.search.stage import Lossy, machine, two_classes

from tradewind.engines import OnnxRuntime, OpenVINO
from tradewind.model import Model, Origin
from tradewind.passes import QuantizeDynamic, QuantizeNNCF, QuantizeStatic, QuantizeWeights
from tradewind.search.candidates import (
    Graph,
    attends,
    engine_options,
    quantizers,
    variant_name,
)
from tradewind.search.settings import Effort

VNNI = machine("avx2", "avx512_vnni")
BY_NAME = {case.name: case for case in CASES}
EFFORTS: tuple[Effort, ...] = ("quick", "normal", "thorough")


def _has_weights(case: Case) -> bool:
    kinds = {node.op_type for node in case.model.graph.graph.all_nodes()}
    return bool(kinds & {"Conv", "MatMul", "Gemm", "LSTM", "GRU", "ConvTranspose"})


def test_a_model_without_weighted_operators_is_left_alone() -> None:
    plain = [case for case in CASES if not _has_weights(case)]
    assert plain  # trees and models of tables are in the table
    for case in plain:
        assert quantizers(case.model, "thorough", VNNI) == ()


@pytest.mark.parametrize("case", [case for case in CASES if _has_weights(case)], ids=str)
def test_more_effort_only_adds(case: Case) -> None:
    quick, normal, thorough = (quantizers(case.model, effort, VNNI) for effort in EFFORTS)
    assert 0 < len(quick) < len(normal) < len(thorough)
    assert set(quick) <= set(normal) <= set(thorough)


@pytest.mark.parametrize("isa", [(), ("avx2",), ("avx2", "avx512f")])
def test_without_dot_products_weights_keep_seven_bits(isa: tuple[str, ...]) -> None:
    found = quantizers(BY_NAME["dense"].model, "thorough", machine(*isa))
    ours = [
        step for step in found if isinstance(step, QuantizeStatic | QuantizeDynamic | QuantizeNNCF)
    ]
    assert ours
    # unsigned weights are multiplied by kernels that add in 32 bits
    wide = [step for step in ours if not step.reduce_range]
    assert [getattr(step, "weights", "s8") for step in wide] == ["u8"]


@pytest.mark.parametrize("isa", ["avx_vnni", "avx512_vnni", "amx_int8", "dotprod", "i8mm"])
def test_with_dot_products_weights_keep_eight_bits(isa: str) -> None:
    found = quantizers(BY_NAME["dense"].model, "thorough", machine("avx2", isa))
    ours = [
        step for step in found if isinstance(step, QuantizeStatic | QuantizeDynamic | QuantizeNNCF)
    ]
    assert not any(step.reduce_range for step in ours)
    assert {getattr(step, "weights", "s8") for step in ours} == {"s8"}


@pytest.mark.parametrize(("isa", "activations"), [("avx512_vnni", "u8"), ("dotprod", "s8")])
def test_the_sign_of_activations_is_that_of_the_faster_kernels(isa: str, activations: str) -> None:
    for effort in EFFORTS:
        found = quantizers(BY_NAME["residual"].model, effort, machine("avx2", isa))
        first = next(step for step in found if isinstance(step, QuantizeStatic))
        assert first.activations == activations
        assert first.is_symmetric == (activations == "s8")


def test_attention_is_smoothed_and_matrices_are_stored_in_fewer_bits() -> None:
    found = quantizers(BY_NAME["attention"].model, "normal", VNNI)
    assert any(step.smooths for step in found if isinstance(step, QuantizeStatic))
    assert QuantizeWeights() in found
    convolutions = quantizers(BY_NAME["residual"].model, "normal", VNNI)
    assert not any(step.smooths for step in convolutions if isinstance(step, QuantizeStatic))
    assert any(step.corrects_biases for step in convolutions if isinstance(step, QuantizeStatic))
    assert QuantizeWeights() not in convolutions


def test_attention_is_quantized_as_a_transformer() -> None:
    found = quantizers(BY_NAME["attention"].model, "normal", VNNI)
    ours = [step for step in found if isinstance(step, QuantizeNNCF)]
    assert ours
    assert all(step.is_transformer for step in ours)


def test_without_dot_products_attention_is_quantized_as_it_runs_first() -> None:
    for isa, first in ((("avx2",), QuantizeDynamic), (("avx2", "avx_vnni"), QuantizeNNCF)):
        found = quantizers(BY_NAME["attention"].model, "quick", machine(*isa))
        assert isinstance(found[0], first)
        assert {type(step) for step in found} == {QuantizeDynamic, QuantizeNNCF, QuantizeStatic}


def test_shares_that_are_the_answer_are_no_attention() -> None:
    classes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Softmax", ["h"], ["p"]),
        helper.make_node("Identity", ["p"], ["y"]),
    ]
    mixed = [
        *classes[:2],
        helper.make_node("Transpose", ["p"], ["t"]),
        helper.make_node("MatMul", ["t", "x"], ["y"]),
    ]
    weights = {"w": np.ones((4, 4), np.float32)}
    shape = {"x": (np.float32, ("N", 4))}, {"y": (np.float32, ("N", 4))}
    found = [
        Model.from_proto(graph(nodes, *shape, weights), Origin("onnx", "test"))
        for nodes in (classes, mixed)
    ]
    assert [attends(model) for model in found] == [False, True]


def test_in_a_short_search_attention_is_calibrated_on_fewer_examples() -> None:
    for name, count in (("attention", 100), ("residual", 300)):
        found = quantizers(BY_NAME[name].model, "normal", VNNI, is_hurried=True)
        ours = [step.examples for step in found if isinstance(step, QuantizeNNCF)]
        assert set(ours) == {count}


def test_convolutions_are_not_quantized_as_a_transformer() -> None:
    found = quantizers(BY_NAME["residual"].model, "thorough", VNNI)
    assert not any(step.is_transformer for step in found if isinstance(step, QuantizeNNCF))


def test_a_quick_look_at_convolutions_skips_dynamic_int8() -> None:
    found = quantizers(BY_NAME["residual"].model, "quick", VNNI)
    assert not any(isinstance(step, QuantizeDynamic) for step in found)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_variant_has_a_name_of_its_own_that_can_be_typed(case: Case) -> None:
    graphs = [Graph((), case.model, "")]
    graphs += [Graph((step,), case.model, "") for step in quantizers(case.model, "thorough", VNNI)]
    names = [
        variant_name(graph, engines[0])
        for graph in graphs
        for engines in engine_options(graph, VNNI, (1,), is_throughput=False, is_tiny=False)
    ]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in names)


def test_engines_of_one_list_share_their_arithmetic() -> None:
    graph = Graph((), two_classes(), "")
    for is_throughput in (False, True):
        options = engine_options(graph, VNNI, (1, 8), is_throughput=is_throughput, is_tiny=True)
        for engines in options:
            assert len({(type(one), getattr(one, "precision", "f32")) for one in engines}) == 1
            assert len(set(engines)) == len(engines)


def test_the_first_engine_is_the_default_one() -> None:
    options = engine_options(
        Graph((), two_classes(), ""), VNNI, (1,), is_throughput=False, is_tiny=False
    )
    assert options[0][0] == OnnxRuntime()
    assert {engines[0].precision for engines in options[1:] if isinstance(engines[0], OpenVINO)} \
        == set(OpenVINO.precisions())  # fmt: skip


def test_a_single_core_is_not_divided() -> None:
    options = engine_options(
        Graph((), two_classes(), ""), machine(cores=1), (1,), is_throughput=True, is_tiny=True
    )
    assert all(len(engines) == 1 for engines in options)


def test_a_quantized_graph_is_computed_in_full_precision_beside_int8() -> None:
    graph = Graph((Lossy(),), two_classes(), "")
    options = engine_options(graph, VNNI, (1,), is_throughput=False, is_tiny=False)
    assert all(getattr(one, "precision", "f32") == "f32" for engines in options for one in engines)


def test_a_label_tells_what_is_lossy() -> None:
    assert Graph((), two_classes(), "").label == "original"
    assert Graph((Lossy("int8"),), two_classes(), "").label == "int8"
    assert not Graph((Lossy(),), two_classes(), "").is_exact

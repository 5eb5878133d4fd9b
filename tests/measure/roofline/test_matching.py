import numpy as np
from onnx import helper
from tests.cases.building import graph, normal

from tradewind.engines import Step
from tradewind.measure.roofline import LayerGroup
from tradewind.measure.roofline.matching import seconds_by_group, with_names
from tradewind.model import Model, Origin


def _named(random: np.random.Generator) -> Model:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="same"),
        helper.make_node("Relu", ["c"], ["r"], name="same"),
        helper.make_node("Transpose", ["r"], ["y"], perm=[0, 2, 3, 1]),
    ]
    proto = graph(
        nodes, {"x": (np.float32, (1, 3, 4, 4))}, {"y": (np.float32, (1, 4, 4, 5))},
        {"w": normal(random, 5, 3, 1, 1)},
    )  # fmt: skip
    return with_names(Model.from_proto(proto, Origin("onnx", "test")))


def _group(random: np.random.Generator, *names: str, kind: str) -> LayerGroup:
    (found,) = seconds_by_group(_named(random), [Step(names, kind, 1.0)])
    return found


def test_steps_are_found_by_the_names_that_nodes_were_given(random: np.random.Generator) -> None:
    assert _group(random, "tradewindnode0_token_7", kind="QLinearConv") is LayerGroup.CONVOLUTION
    assert _group(random, "tradewindnode1", kind="Relu") is LayerGroup.ELEMENTWISE
    assert _group(random, "tradewindnode2", kind="Transpose") is LayerGroup.MOVEMENT


def test_a_merged_step_counts_for_its_heaviest_layer(random: np.random.Generator) -> None:
    merged = ("tradewindnode1", "tradewindnode0/WithoutBiases")
    assert _group(random, *merged, kind="Subgraph") is LayerGroup.CONVOLUTION


def test_a_merged_step_may_be_named_after_its_last_layer(random: np.random.Generator) -> None:
    assert _group(random, "r_nchwc", kind="Conv") is LayerGroup.CONVOLUTION


def test_another_order_is_data_movement_whoever_wants_it(random: np.random.Generator) -> None:
    name = "x_abcd_acdb_tradewindnode0/WithoutBiases"
    assert _group(random, name, kind="Reorder") is LayerGroup.MOVEMENT


def test_the_kind_tells_where_no_name_does(random: np.random.Generator) -> None:
    assert _group(random, "MVN_256", kind="MVN") is LayerGroup.ELEMENTWISE
    assert _group(random, "anything", kind="Unheard") is LayerGroup.OTHER

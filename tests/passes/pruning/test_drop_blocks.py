from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from tests.cases import CASES
from tests.cases.building import graph, normal, weight
from tests.cases.case import GENERAL
from tests.cases.cifar import PREPROCESSING, cifar_model, load_cifar, share_right
from tests.cases.comparing import assert_close

from tradewind.engines import OpenVINO
from tradewind.errors import PassError, SettingError
from tradewind.model import Model, Origin
from tradewind.passes import DropBlocks, Observed
from tradewind.passes.inner import shapes_inside
from tradewind.passes.pruning.blocks import find_blocks
from tradewind.tensors import Array


def _chain(random: np.random.Generator, sizes: tuple[float, ...]) -> Model:
    """Return a chain of residual blocks, the weights of each scaled by a size."""
    nodes = [helper.make_node("Conv", ["image", "k"], ["y0"], pads=[1, 1, 1, 1])]
    nodes.append(helper.make_node("Relu", ["y0"], ["x0"]))
    weights: dict[str, Array] = {"k": weight(random, 6, 2, 3, 3), "w": weight(random, 6, 3)}
    for index, size in enumerate(sizes):
        at = str(index)
        nodes += [
            helper.make_node("Conv", [f"x{at}", f"k{at}"], [f"c{at}"], pads=[1, 1, 1, 1]),
            helper.make_node("Tanh", [f"c{at}"], [f"t{at}"]),
            helper.make_node("Conv", [f"t{at}", f"l{at}"], [f"d{at}"]),
            helper.make_node("Add", [f"x{at}", f"d{at}"], [f"s{at}"]),
            helper.make_node("Relu", [f"s{at}"], [f"x{index + 1}"]),
        ]
        weights[f"k{at}"] = weight(random, 6, 6, 3, 3)
        weights[f"l{at}"] = weight(random, 6, 6, 1, 1) * np.float32(size)
    nodes += [
        helper.make_node("GlobalAveragePool", [f"x{len(sizes)}"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w"], ["logits"]),
    ]
    proto = graph(
        nodes,
        {"image": (np.float32, ("N", 2, 6, 6))},
        {"logits": (np.float32, ("N", 3))},
        weights,
    )
    return Model.from_proto(proto, Origin("onnx", "chain.onnx"))


def _images(random: np.random.Generator, examples: int = 30) -> dict[str, Array]:
    return {"image": normal(random, examples, 2, 6, 6)}


def test_blocks_that_add_nothing_are_the_ones_that_go(random: np.random.Generator) -> None:
    model, inputs = _chain(random, (1, 0, 1, 0, 0)), _images(random)
    change = DropBlocks(keep=0.4, repairs=False).apply(model, Observed(inputs))
    assert change.summary == "3 of 5 residual blocks removed"
    kinds = [node.op_type for node in change.model.graph.graph]
    # of each block its Relu goes too: what it would be applied to has been through one
    assert kinds.count("Add") == 2
    assert kinds.count("Relu") == 3
    for kind in GENERAL:
        with kind().compile(model) as one, kind().compile(change.model) as other:
            assert_close(other(inputs), one(inputs), 1e-5)


def test_a_branch_that_something_else_looks_into_is_no_block(random: np.random.Generator) -> None:
    proto = _chain(random, (1, 1)).to_proto()
    proto.graph.node.append(helper.make_node("Identity", ["t0"], ["look"]))
    proto.graph.output.append(helper.make_tensor_value_info("look", 1, ["N", 6, 6, 6]))
    model = Model.from_proto(proto, Origin("onnx", "looked.onnx"))
    shapes = shapes_inside(model, _images(random, 2))
    assert [block.end for block in find_blocks(proto, shapes)] == ["s1"]


def test_both_blocks_of_a_transformer_layer_are_found() -> None:
    case = next(case for case in CASES if case.name == "attention")
    inputs = case.draw(np.random.default_rng(0), 2)
    blocks = find_blocks(case.model.to_proto(), shapes_inside(case.model, inputs))
    assert [(block.start, block.end) for block in blocks] == [("x", "y")]


def test_repair_makes_up_for_some_of_what_was_lost(random: np.random.Generator) -> None:
    model, inputs = _chain(random, (0.7, 0.7, 0.7, 0.7)), _images(random, 400)
    with OpenVINO().compile(model) as runner:
        wanted = runner(inputs)["logits"]
    losses = []
    for repairs in (False, True):
        change = DropBlocks(keep=0.5, repairs=repairs).apply(model, Observed(inputs))
        with OpenVINO().compile(change.model) as runner:
            losses.append(float(np.square(runner(inputs)["logits"] - wanted).sum()))
    assert losses[1] < 0.7 * losses[0]


def test_a_model_without_blocks_is_refused(random: np.random.Generator) -> None:
    case = next(case for case in CASES if case.name == "dense")
    with pytest.raises(PassError, match=r"dense\.onnx: expected a residual block"):
        DropBlocks().apply(case.model, Observed(case.draw(random, 20)))


@pytest.mark.parametrize(
    "settings", [{"keep": 1.0}, {"keep": -0.1}, {"judged_on": 0}, {"examples": 0}, {"ridge": 0.0}]
)
def test_a_setting_outside_its_range_is_named(settings: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=f"^{next(iter(settings))}: expected"):
        DropBlocks(**settings)  # type: ignore[arg-type]


def test_resnet20_without_two_blocks_still_agrees(shared_data: Path) -> None:
    model = cifar_model(shared_data, "resnet20")
    with np.load(shared_data / "cifar10" / "train_20k.npz") as archive:
        seen = Observed({"input": PREPROCESSING.apply(archive["x"][:400])})
    change = DropBlocks(keep=0.7, judged_on=32, examples=400).apply(model, seen)
    assert change.summary.startswith("2 of 7 residual blocks removed")
    images, labels = load_cifar(shared_data, 1000)
    exact = share_right(OpenVINO(), model, images, labels)
    assert share_right(OpenVINO(), change.model, images, labels) > exact - 0.15

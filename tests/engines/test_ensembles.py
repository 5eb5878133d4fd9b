import numpy as np
import onnx
import pytest
from onnx import helper
from tests.cases.trees import draw_forest

from tradewind.engines import OnnxRuntime
from tradewind.engines.ensembles import DOMAIN, OPERATORS, Step, read_ensemble
from tradewind.engines.splitting import cut_at
from tradewind.errors import UnsupportedModel
from tradewind.importers.forests.asking import questions
from tradewind.importers.forests.forest import Comparison, Forest
from tradewind.importers.forests.numbering import ensemble
from tradewind.importers.forests.writing import write
from tradewind.model import Model, Origin
from tradewind.tensors import Array

ORIGIN = Origin("onnx", "trees.onnx")


def follow(steps: tuple[Step, ...], row: Array) -> tuple[tuple[int, float], ...]:
    """Return what the leaf adds that a row ends in."""
    here = 0
    while steps[here].feature >= 0:
        value = row[steps[here].feature]
        first = steps[here].is_missing_first if np.isnan(value) else value <= steps[here].threshold
        here = next(
            number
            for number, step in enumerate(steps)
            if step.parent == here and step.is_second != first
        )
    return steps[here].weights


def as_newer(forest: Forest) -> onnx.ModelProto:
    """Return the forest as the newer operator, which importers use only for sets."""
    proto = write(forest)
    [place] = [i for i, node in enumerate(proto.graph.node) if node.op_type in OPERATORS]
    old = proto.graph.node[place]
    proto.graph.node[place].CopyFrom(ensemble(forest, old.input[0], old.output[0]))
    next(one for one in proto.opset_import if one.domain == DOMAIN).version = 5
    return proto


@pytest.mark.parametrize("comparison", ["<", "<=", ">"])
@pytest.mark.parametrize("is_newer", [False, True])
def test_the_steps_lead_where_onnx_runtime_goes(
    comparison: Comparison, is_newer: bool, random: np.random.Generator
) -> None:
    forest = draw_forest(random, outputs=2, comparison=comparison)
    model = Model.from_proto(as_newer(forest) if is_newer else write(forest), ORIGIN)
    cut = cut_at(model, OPERATORS, DOMAIN)
    found = read_ensemble(cut.node, "trees.onnx")
    assert len(found.trees) == len(forest.trees)
    with OnnxRuntime().compile(model) as runner:
        for inputs in questions(forest, 1, infinite=True):
            answers = runner(inputs)["prediction"]
            for row, answer in zip(inputs["input"], answers, strict=True):
                sums = np.zeros(2) if is_newer else np.array(found.base)
                for steps in found.trees:
                    for target, weight in follow(steps, row):
                        sums[target] += weight
                base = forest.base if is_newer else 0
                # 20 numbers of about 1 are added in float32
                assert np.allclose(sums, answer if not is_newer else answer + 0 * base, atol=1e-5)


def test_questions_about_categories_are_refused(random: np.random.Generator) -> None:
    forest = draw_forest(random, has_sets=True)
    node = cut_at(Model.from_proto(write(forest), ORIGIN), OPERATORS, DOMAIN).node
    with pytest.raises(UnsupportedModel, match=r"trees.onnx: trees: .*BRANCH_MEMBER"):
        read_ensemble(node, "trees.onnx")


def test_a_transform_inside_of_the_operator_is_refused(random: np.random.Generator) -> None:
    node = cut_at(Model.from_proto(write(draw_forest(random)), ORIGIN), OPERATORS, DOMAIN).node
    node.attribute.append(helper.make_attribute("post_transform", "LOGISTIC"))
    with pytest.raises(UnsupportedModel, match="post_transform"):
        read_ensemble(node, "trees.onnx")


def test_a_graph_without_trees_is_refused() -> None:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 2])],
    )
    with pytest.raises(UnsupportedModel, match=r"one TreeEnsemble.*got a graph without one"):
        cut_at(Model.from_proto(helper.make_model(graph), ORIGIN), OPERATORS, DOMAIN)

import threading
from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.cases.trees import draw_forest

from tradewind.engines import OnnxRuntime
from tradewind.engines.onedal import OneDAL
from tradewind.errors import EngineError, SettingError, UnsupportedModel
from tradewind.importers.forests.asking import questions
from tradewind.importers.forests.forest import Comparison, Feature, Forest
from tradewind.importers.forests.writing import write
from tradewind.model import Model, Origin

pytestmark = pytest.mark.skipif(
    not OneDAL.is_installed(), reason="the extra `trees` is not installed"
)


def as_model(forest: Forest) -> Model:
    return Model.from_proto(write(forest), Origin("onnx", "trees.onnx"))


@pytest.mark.parametrize("comparison", ["<", "<=", ">"])
@pytest.mark.parametrize(("outputs", "width"), [(1, 1), (3, 1), (3, 3)])
def test_it_answers_as_onnx_runtime_does(
    comparison: Comparison, outputs: int, width: int, random: np.random.Generator
) -> None:
    forest = draw_forest(random, outputs=outputs, width=width, comparison=comparison)
    model = as_model(forest)
    with OneDAL().compile(model) as runner, OnnxRuntime().compile(model) as other:
        for inputs in questions(forest, 0, infinite=True):
            # the same leaves in another order
            found, wanted = runner(inputs)["prediction"], other(inputs)["prediction"]
            assert np.allclose(found, wanted, atol=1e-5)


def test_what_surrounds_the_trees_is_computed_too(random: np.random.Generator) -> None:
    names = ("tcp", "udp", "icmp")
    forest = draw_forest(random)
    features = (*forest.features[:-1], Feature("protocol", names))
    model = as_model(replace(forest, features=features, link="sigmoid", classes=("no", "yes")))
    inputs = {f"x{i}": random.normal(size=(50, 1)).astype(np.float32) for i in range(3)}
    inputs["protocol"] = random.choice(np.array([*names, "new"], object), (50, 1))
    with OneDAL().compile(model) as runner, OnnxRuntime().compile(model) as other:
        found, wanted = runner(inputs), other(inputs)
    assert found["label"].tolist() == wanted["label"].tolist()
    assert np.allclose(found["probabilities"], wanted["probabilities"], atol=1e-5)


def test_no_rows_no_trees_and_single_leaves(random: np.random.Generator) -> None:
    forest = draw_forest(random, trees=3)
    rows = random.normal(size=(2, 4)).astype(np.float32)
    for few in (forest, replace(forest, trees=()), draw_forest(random, depth=0)):
        model = as_model(few)
        with OneDAL().compile(model) as runner, OnnxRuntime().compile(model) as other:
            assert runner({"input": rows[:0]})["prediction"].shape == (0, 1)
            wanted = other({"input": rows})["prediction"]
            assert np.allclose(runner({"input": rows})["prediction"], wanted, atol=1e-5)


def test_threads_that_share_a_runner_get_their_own_answers(random: np.random.Generator) -> None:
    forest = draw_forest(random)
    rows = [random.normal(size=(100, 4)).astype(np.float32) for _ in range(6)]
    failures: list[int] = []
    with OneDAL().compile(as_model(forest)) as runner:
        wanted = [runner({"input": one})["prediction"] for one in rows]

        def work(number: int) -> None:
            for _ in range(20):
                if not np.array_equal(
                    runner({"input": rows[number]})["prediction"], wanted[number]
                ):
                    failures.append(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures


def test_closing_twice_is_no_error_and_calling_afterwards_is(random: np.random.Generator) -> None:
    runner = OneDAL().compile(as_model(draw_forest(random)))
    runner.close()
    runner.close()
    with pytest.raises(EngineError, match="closed"):
        runner({"input": np.zeros((1, 4), np.float32)})


def test_categories_are_refused_when_compiling(random: np.random.Generator) -> None:
    with pytest.raises(UnsupportedModel, match=r"trees\.onnx"):
        OneDAL().compile(as_model(draw_forest(random, has_sets=True)))


def test_a_setting_outside_its_range_is_named() -> None:
    with pytest.raises(SettingError, match=r"^threads: expected"):
        OneDAL(threads=-1)


def test_trees_of_64_bit_floats_are_refused() -> None:
    splits = numpy_helper.from_array(np.zeros(1), "splits")
    node = helper.make_node("TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", nodes_splits=splits)
    double = TensorProto.DOUBLE
    graph = helper.make_graph(
        [node],
        "trees",
        [helper.make_tensor_value_info("x", double, ["N", 1])],
        [helper.make_tensor_value_info("y", double, ["N", 1])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 5)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    with pytest.raises(UnsupportedModel, match="64-bit"):
        OneDAL().compile(Model.from_proto(proto, Origin("onnx", "trees.onnx")))

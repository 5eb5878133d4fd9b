"""Passes that make a model smaller without a look at its structure."""

import zlib

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from tests.cases import CASES, Case
from tests.cases.building import graph, normal, scalar, weight
from tests.cases.case import GENERAL
from tests.cases.comparing import assert_close

from tradewind.engines import OnnxRuntime
from tradewind.errors import PassError, SettingError
from tradewind.model import Model, Origin
from tradewind.passes import (
    Factorize,
    Observed,
    Pass,
    RemoveUnused,
    RestrictVocabulary,
    Sparsify,
    compare,
)
from tradewind.tensors import Array


def _case(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


def _answers(model: Model, inputs: dict[str, Array]) -> dict[str, Array]:
    with OnnxRuntime().compile(model) as runner:
        return runner(inputs)


def test_what_only_training_needs_is_removed(random: np.random.Generator) -> None:
    proto = graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["m"]),
            helper.make_node("Dropout", ["m", "half", "no"], ["d", "mask"]),
            helper.make_node("Identity", ["d"], ["i"]),
            helper.make_node("Relu", ["i"], ["r1"]),
            helper.make_node("Relu", ["r1"], ["r2"]),
            helper.make_node("MatMul", ["x", "w2"], ["unused"]),
            helper.make_node("Tanh", ["r2"], ["out"]),
        ],
        {"x": (np.float32, ("N", 4))},
        {"out": (np.float32, ("N", 3))},
        {
            "w": weight(random, 4, 3), "w2": weight(random, 4, 300), "half": scalar(0.5),
            "no": scalar(False, np.bool_),
        },
    )  # fmt: skip
    model = Model.from_proto(proto, Origin("onnx", "training.onnx"))
    changed = RemoveUnused().apply(model, Observed({})).model
    assert [node.op_type for node in changed.graph.graph] == ["MatMul", "Relu", "Tanh"]
    assert len(changed.content) < 0.3 * len(model.content)
    inputs: dict[str, Array] = {"x": normal(random, 5, 4)}
    for kind in GENERAL:
        with kind().compile(model) as one, kind().compile(changed) as other:
            assert_close(other(inputs), one(inputs), 1e-6)


def test_a_dropout_whose_mask_is_read_stays(random: np.random.Generator) -> None:
    proto = graph(
        [helper.make_node("Dropout", ["x"], ["out", "mask"])],
        {"x": (np.float32, ("N", 4))},
        {"out": (np.float32, ("N", 4)), "mask": (np.bool_, ("N", 4))},
        {},
    )
    model = Model.from_proto(proto, Origin("onnx", "mask.onnx"))
    changed = RemoveUnused().apply(model, Observed({})).model
    assert [node.op_type for node in changed.graph.graph] == ["Dropout"]


def test_tokens_that_were_seen_are_answered_as_before(random: np.random.Generator) -> None:
    case = _case("embedding")
    seen: dict[str, Array] = {"tokens": random.integers(0, 20, (200, 7))}
    seen["tokens"][0, :2] = -3  # the 48th row, counted from the end
    change = RestrictVocabulary().apply(case.model, Observed(seen))
    kept = len(np.unique(seen["tokens"] % 50))
    assert change.summary == f"50 rows of embeddings became {kept + 1}"
    for kind in GENERAL:
        with kind().compile(case.model) as one, kind().compile(change.model) as other:
            inputs: dict[str, Array] = {
                "tokens": random.choice(seen["tokens"].ravel() % 50, (9, 7))
            }
            assert_close(other(inputs), one(inputs), 1e-5)
            other({"tokens": np.full((2, 7), 40)})  # nobody asked for it before


def test_a_vocabulary_that_is_used_in_full_is_left_alone() -> None:
    case = _case("embedding")
    with pytest.raises(PassError, match="tokens that no example holds"):
        RestrictVocabulary().apply(
            case.model, Observed({"tokens": np.arange(350).reshape(50, 7) % 50})
        )


@pytest.mark.parametrize("pattern", ["free", "2:4", "4:8"])
def test_half_of_the_weights_are_zero_in_the_pattern(
    pattern: str, random: np.random.Generator
) -> None:
    case = _case("dense")
    step = Sparsify(pattern=pattern)  # type: ignore[arg-type]
    change = step.apply(case.model, Observed(case.draw(random, 50)))
    tensors = {one.name: one for one in change.model.to_proto().graph.initializer}
    first = numpy_helper.to_array(tensors["w1"])  # [inputs, outputs]
    assert np.mean(first == 0) == pytest.approx(0.5, abs=0.01)
    if pattern != "free":
        few, many = map(int, pattern.split(":"))
        assert ((first.reshape(-1, many, 32) != 0).sum(1) == few).all()
    assert len(zlib.compress(change.model.content)) < len(zlib.compress(case.model.content))


def test_the_weights_that_go_are_those_that_say_least(random: np.random.Generator) -> None:
    case = _case("dense")
    inputs = case.draw(random, 300)
    inputs["x"][:, :8] *= np.float32(1e-3)  # what flows in here hardly counts
    change = Sparsify().apply(case.model, Observed(inputs))
    tensors = {one.name: one for one in change.model.to_proto().graph.initializer}
    gone = numpy_helper.to_array(tensors["w1"]) == 0
    assert gone[:8].mean() > 0.95
    assert gone[8:].mean() < 0.05


def _convolution(random: np.random.Generator, rank_in: int, rank_out: int) -> Model:
    core = weight(random, rank_out, rank_in, 3, 3)
    first, last = normal(random, rank_in, 16), normal(random, 24, rank_out)
    kernel = np.einsum("or,rikl,ic->ockl", last, core, first).astype(np.float32) / 4
    proto = graph(
        [
            helper.make_node("Conv", ["image", "k", "b"], ["c"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c"], ["out"]),
        ],
        {"image": (np.float32, ("N", 16, 8, 8))},
        {"out": (np.float32, ("N", 24, 8, 8))},
        {"k": kernel, "b": normal(random, 24)},
    )
    return Model.from_proto(proto, Origin("onnx", "convolution.onnx"))


@pytest.mark.parametrize(("rank_in", "rank_out", "parts"), [(16, 3, 2), (3, 12, 3)])
def test_a_convolution_of_low_rank_is_taken_apart_the_cheaper_way(
    rank_in: int, rank_out: int, parts: int, random: np.random.Generator
) -> None:
    model = _convolution(random, rank_in, rank_out)
    seen: dict[str, Array] = {"image": normal(random, 60, 16, 8, 8)}
    change = Factorize(loss=1e-5, repairs=False).apply(model, Observed(seen))
    kinds = [node.op_type for node in change.model.graph.graph]
    assert kinds == ["Conv"] * parts + ["Relu"]
    assert len(change.model.content) < 0.7 * len(model.content)
    inputs: dict[str, Array] = {"image": normal(random, 4, 16, 8, 8)}
    for kind in GENERAL:
        with kind().compile(model) as one, kind().compile(change.model) as other:
            assert compare(one(inputs), other(inputs)).relative < 0.01


@pytest.mark.parametrize("cost", ["macs", "time"])
def test_a_product_of_low_rank_is_found(cost: str, random: np.random.Generator) -> None:
    case = _case("low_rank")
    step = Factorize(loss=1e-6, cost=cost)  # type: ignore[arg-type]
    try:
        change = step.apply(case.model, Observed(case.draw(random, 200)))
    except PassError:
        assert cost == "time", "two products are not always faster than one"
        return
    onnx.checker.check_model(change.model.to_proto(), full_check=True)
    inputs = case.draw(random, 20)
    found = compare(_answers(case.model, inputs), _answers(change.model, inputs))
    assert found.relative < 0.01


def test_a_layer_of_full_rank_stays(random: np.random.Generator) -> None:
    case = _case("dense")
    with pytest.raises(PassError, match="a layer that is cheaper in parts"):
        Factorize(loss=1e-6).apply(case.model, Observed(case.draw(random, 100)))


@pytest.mark.parametrize(
    ("kind", "setting", "value"),
    [
        (Sparsify, "zeros", 1.0), (Sparsify, "examples", 0), (Factorize, "loss", 0.0),
        (Factorize, "examples", 0), (Factorize, "ridge", 0.0), (RestrictVocabulary, "examples", 0),
        (RestrictVocabulary, "min_count", 0),
    ],
)  # fmt: skip
def test_a_setting_outside_its_range_is_named(kind: type[Pass], setting: str, value: float) -> None:
    with pytest.raises(SettingError, match=f"^{setting}: expected"):
        kind(**{setting: value})

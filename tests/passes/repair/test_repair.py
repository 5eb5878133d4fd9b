"""What least squares can bring back, it brings back."""

import numpy as np
import pytest
from onnx import helper, numpy_helper
from tests.cases import CASES
from tests.cases.building import graph, normal, weight

from tradewind.engines import OnnxRuntime
from tradewind.model import Model, Origin
from tradewind.passes import compare
from tradewind.passes.repair import Repair, repair
from tradewind.passes.repair.normal import NormalEquations
from tradewind.tensors import Array, Tensors


def _disturbed(model: Model, names: tuple[str, ...], random: np.random.Generator) -> Model:
    """Return the model with noise in place of some weights."""
    proto = model.to_proto()
    for tensor in proto.graph.initializer:
        if tensor.name in names:
            values = numpy_helper.to_array(tensor)
            noise = random.standard_normal(values.shape).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(noise, tensor.name))
    return model.with_proto(proto)


def _answers(model: Model, inputs: Tensors) -> dict[str, Array]:
    with OnnxRuntime().compile(model) as runner:
        return runner(inputs)


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("dense", ("w1", "b1", "w2", "b2")),
        ("residual", ("k1", "k2", "b2", "w", "b")),
        ("attention", ("wq", "wk", "wv", "wo", "w1", "w2")),
        ("depthwise", ("k1", "k2", "k3")),
    ],
)
def test_weights_that_were_lost_are_found_again_from_what_flowed(
    name: str, weights: tuple[str, ...], random: np.random.Generator
) -> None:
    case = next(case for case in CASES if case.name == name)
    changed = _disturbed(case.model, weights, random)
    inputs = case.inputs(random)
    assert compare(_answers(case.model, inputs), _answers(changed, inputs)).relative > 0.1
    batches = [case.draw(random, case.fixed or 50) for _ in range(300 if case.fixed else 8)]
    fitted, count = repair(changed, case.model, batches, Repair(ridge=1e-9, rows=50_000))
    assert count >= len([name for name in weights if name[0] in "wk"])
    # the fit is exact but for rounding, which the ridge and fp32 sums make larger
    assert compare(_answers(case.model, inputs), _answers(fitted, inputs)).relative < 2e-3


def test_a_sum_is_made_right_though_what_is_added_is_wrong(random: np.random.Generator) -> None:
    proto = graph(
        [
            helper.make_node("MatMul", ["x", "w1"], ["a"]),
            helper.make_node("MatMul", ["x", "w2"], ["b"]),
            helper.make_node("Add", ["a", "b"], ["y"]),
            helper.make_node("Relu", ["y"], ["out"]),
        ],
        {"x": (np.float32, ("N", 6))},
        {"out": (np.float32, ("N", 4))},
        {"w1": weight(random, 6, 4), "w2": weight(random, 6, 4)},
    )
    model = Model.from_proto(proto, Origin("onnx", "sum.onnx"))
    changed = _disturbed(model, ("w1",), random)
    batches: list[dict[str, Array]] = [{"x": normal(random, 40, 6)}]
    # w1 is fitted first, to its own result; then noise in w2 is taken by the sum of both
    fitted, _ = repair(_disturbed(changed, ("w2",), random), model, batches, Repair(ridge=1e-9))
    found = compare(_answers(model, batches[0]), _answers(fitted, batches[0]))
    assert found.relative < 1e-3


def test_batches_add_up_to_what_one_batch_gives(random: np.random.Generator) -> None:
    rows, aims = random.standard_normal((2, 60, 5)), random.standard_normal((2, 60, 3))
    whole, parts = NormalEquations(), NormalEquations()
    whole.add(rows, aims)
    for at in range(0, 60, 7):
        parts.add(rows[:, at : at + 7], aims[:, at : at + 7])
    start = np.zeros((2, 5, 3))
    for one, other in zip(
        whole.solve(start, 1e-3, True), parts.solve(start, 1e-3, True), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_the_solution_is_that_of_least_squares(random: np.random.Generator) -> None:
    rows, aims = random.standard_normal((1, 50, 4)), random.standard_normal((1, 50, 2))
    sums = NormalEquations()
    sums.add(rows, aims)
    fitted, bias = sums.solve(np.zeros((1, 4, 2)), 1e-12, True)
    wide = np.concatenate([rows[0], np.ones((50, 1))], 1)
    wanted = np.linalg.lstsq(wide, aims[0])[0]
    np.testing.assert_allclose(fitted[0], wanted[:4], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(bias[0], wanted[4], rtol=1e-6, atol=1e-8)


def test_a_strong_ridge_keeps_weights_where_they_were(random: np.random.Generator) -> None:
    sums, start = NormalEquations(), random.standard_normal((1, 4, 2))
    sums.add(random.standard_normal((1, 50, 4)), random.standard_normal((1, 50, 2)))
    fitted, _ = sums.solve(start, 1e9, False)
    np.testing.assert_allclose(fitted, start, rtol=1e-6, atol=1e-6)

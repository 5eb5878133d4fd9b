"""Normalizations that are there while a student learns."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.cases import CASES
from tests.cases.building import normal

from tradewind.model import Model, Origin

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra `train`)")

from tradewind.interpreter import TorchGraph  # noqa: E402
from tradewind.passes.distillation.pace import Pace  # noqa: E402
from tradewind.passes.distillation.student import Student  # noqa: E402
from tradewind.passes.distillation.targets import Target  # noqa: E402
from tradewind.passes.distillation.unfolding import Unfolded, unfold  # noqa: E402

COUNT = 32


def _grouped(random: np.random.Generator) -> Model:
    """Return convolutions along time; the second has a channel of its own for each channel."""
    weights = {"w0": (6, 3, 3), "b0": (6,), "w1": (6, 1, 3), "b1": (6,)}
    nodes = [
        helper.make_node("Conv", ["x", "w0", "b0"], ["c0"]),
        helper.make_node("Relu", ["c0"], ["r"]),
        helper.make_node("Conv", ["r", "w1", "b1"], ["y"], group=6),
    ]
    graph = helper.make_graph(
        nodes,
        "grouped",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 20])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 6, 16])],
        [numpy_helper.from_array(normal(random, *size), key) for key, size in weights.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return Model.from_proto(proto, Origin("onnx", "grouped.onnx"))


def _unfolded(
    name: str, random: np.random.Generator
) -> tuple[TorchGraph, Unfolded | None, dict[str, Any]]:
    if name == "grouped":
        model, arrays = _grouped(random), {"x": normal(random, COUNT, 3, 20)}
    else:
        case = next(case for case in CASES if case.name == name)
        model, arrays = case.model, case.inputs(random, COUNT)
    student = TorchGraph(model)
    batch = {key: torch.from_numpy(array) for key, array in arrays.items()}
    return student, unfold(model, student, [batch], TorchGraph), batch


def _apart(one: TorchGraph, other: TorchGraph, batch: dict[str, Any]) -> float:
    """Return the largest difference of what two graphs answer, relative to the largest answer."""
    with torch.no_grad():
        got, wanted = one(batch), other(batch)
    return max(
        float((got[name] - wanted[name]).abs().max() / wanted[name].abs().max()) for name in wanted
    )


@pytest.mark.parametrize("name", ["residual", "grouped"])
def test_it_answers_as_before_until_it_learns(name: str, random: np.random.Generator) -> None:
    student, unfolded, batch = _unfolded(name, random)
    assert unfolded is not None
    assert any(key.endswith("/scale") for key in unfolded.graph.parameters)
    # by the statistics of the same examples; the variance has 1e-5 added
    assert _apart(unfolded.graph, student, batch) < 1e-3


@pytest.mark.parametrize("name", ["residual", "grouped"])
def test_the_student_answers_what_was_learned(name: str, random: np.random.Generator) -> None:
    student, unfolded, batch = _unfolded(name, random)
    assert unfolded is not None
    before = {key: one.detach().clone() for key, one in student.parameters.items()}
    with torch.no_grad():
        for parameter in unfolded.graph.parameters.values():
            moved = 0.3 * normal(random, *parameter.shape)
            parameter.add_(torch.from_numpy(np.asarray(moved)) * parameter.abs().mean())
    assert _apart(student, unfolded.graph, batch) > 0.01
    unfolded.fold([batch])
    # within a graph of several normalizations the first settle what the next ones see
    assert _apart(student, unfolded.graph, batch) < 1e-3
    assert all(not torch.equal(one, student.parameters[key]) for key, one in before.items())


def test_statistics_are_those_of_all_batches(random: np.random.Generator) -> None:
    student, unfolded, batch = _unfolded("residual", random)
    assert unfolded is not None
    halves = [{key: x[at : at + 16] for key, x in batch.items()} for at in (0, 16)]
    unfolded.fold(halves)
    # means of halves are means of the whole; variances within them are a little smaller
    assert _apart(student, unfolded.graph, batch) < 0.2


@pytest.mark.parametrize("name", ["dense", "attention", "opset11"])
def test_nothing_is_added_where_there_is_nothing_to_normalize(
    name: str, random: np.random.Generator
) -> None:
    assert _unfolded(name, random)[1] is None


def test_a_normalization_of_the_batch_is_computed_as_the_standard_says(
    random: np.random.Generator,
) -> None:
    student, unfolded, batch = _unfolded("residual", random)
    assert unfolded is not None
    names = [key for key in unfolded.graph.parameters if key.endswith("/scale")]
    inner = names[0].removesuffix("/scale")
    with torch.no_grad():
        made = unfolded.graph(batch, also=[f"{inner}/mean", f"{inner}/variance", inner])
        plain = student(batch, also=[inner])[inner]
    axes = (0, 2, 3)
    scale = unfolded.graph.parameters[f"{inner}/scale"]
    shift = unfolded.graph.parameters[f"{inner}/shift"]
    assert torch.allclose(made[f"{inner}/variance"], plain.var(axes, correction=0), rtol=1e-4)
    assert torch.allclose(made[inner].mean(axes), shift, atol=1e-4)
    assert torch.allclose(made[inner].std(axes, correction=0), scale, rtol=1e-2)


def test_training_goes_on_where_it_was(tmp_path: Path, random: np.random.Generator) -> None:
    targets = {"y": Target("values", 1.0)}
    model, arrays = _grouped(random), {"x": normal(random, COUNT, 3, 20)}
    wanted = {"y": normal(random, COUNT, 6, 16)}
    pace = Pace(threads=1, is_bf16=False)

    def begun() -> Student:
        graph = TorchGraph(model)
        batch = {"x": torch.from_numpy(arrays["x"])}
        return Student(
            graph, "cpu", "adamw", targets, {}, 1.0, unfold(model, graph, [batch], TorchGraph)
        )

    def taught(student: Student) -> dict[str, Any]:
        student.learn([(arrays, wanted)], 0.01, pace)
        student.settle([arrays])
        return student.answers(arrays)

    first = begun()
    assert first.is_normalized
    before = first.answers(arrays)
    taught(first)
    first.save(tmp_path / "on.pt", "key", {})
    second = begun()
    assert second.load(tmp_path / "on.pt", "key") is not None
    # what answers is kept apart: until it settles, it answers as it did
    np.testing.assert_array_equal(second.answers(arrays)["y"], before["y"])
    np.testing.assert_allclose(taught(second)["y"], taught(first)["y"], rtol=1e-4, atol=1e-5)

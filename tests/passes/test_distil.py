"""Training by the original's answers."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from tests.cases import CASES, DENSE, Case
from tests.cases.building import normal

from tradewind.engines import OnnxRuntime
from tradewind.errors import PassError
from tradewind.model import Model
from tradewind.passes import Distil, Observed, PruneChannels, QuantizeStatic, apply_isolated
from tradewind.passes.distillation.augmenting import Augmentation, moving_axes
from tradewind.passes.distillation.course import one_cycle, pieces
from tradewind.passes.distillation.features import with_features
from tradewind.passes.distillation.memory import Footprint
from tradewind.passes.distillation.pace import Pace, using
from tradewind.passes.distillation.targets import find_targets
from tradewind.passes.inner import run
from tradewind.tensors import Array

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra `train`)")

BRIEF = Distil(time_s=60, epochs=30, batch=32, learning_rate=5e-3)


def damaged(model: Model, random: np.random.Generator, amount: float) -> Model:
    """Return a model whose weights were moved by a share of their own size."""
    graph = model.thaw()
    for value in graph.graph.initializers.values():
        tensor = value.const_value
        assert tensor is not None
        array = tensor.numpy()
        if array.dtype in (np.float32, np.float16) and array.size > 1:
            moved = array + amount * array.std() * normal(random, *array.shape)
            value.const_value = ir.Tensor(moved.astype(array.dtype), name=tensor.name)
    return model.with_graph(graph)


def answers(model: Model, inputs: dict[str, Array]) -> Array:
    """Return the first output."""
    with OnnxRuntime().compile(model) as runner:
        return next(iter(runner(inputs).values()))


def error(model: Model, original: Model, inputs: dict[str, Array]) -> float:
    """Return how far two models are from each other, relative to the second."""
    wanted = answers(original, inputs)
    return float(np.linalg.norm(answers(model, inputs) - wanted) / np.linalg.norm(wanted))


def named(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


@pytest.mark.parametrize(
    "name", ["dense", "residual", "attention", "score", "fixed_batch_of_4", "half"]
)
def test_a_damaged_model_comes_closer_to_its_original(
    name: str, random: np.random.Generator
) -> None:
    case = named(name)
    fresh = case.inputs(random, 64)
    left = []
    for _ in range(3):
        student = damaged(case.model, random, 0.5)
        change = BRIEF.apply(student, Observed(case.draw(random, 400), case.model))
        left.append(error(change.model, case.model, fresh) / error(student, case.model, fresh))
        assert change.model.signature == case.model.signature
        assert "held-out agreement" in change.summary
    # on inputs that it did not learn from; one that agrees from the start may keep its weights
    assert np.exp(np.mean(np.log(left))) < 0.95, left


def test_a_model_that_is_its_own_original_has_nothing_to_learn(random: np.random.Generator) -> None:
    inputs = DENSE.draw(random, 50)
    for seen in (Observed(inputs), Observed(inputs, DENSE.model)):
        change = BRIEF.apply(DENSE.model, seen)
        assert change.model == DENSE.model
        assert change.summary.startswith("nothing to learn")


def test_a_student_that_answers_like_its_teacher_goes_on_doing_so(
    random: np.random.Generator,
) -> None:
    student = damaged(DENSE.model, random, 1e-7)
    change = BRIEF.apply(student, Observed(DENSE.draw(random, 50), DENSE.model))
    assert "100.00% became 100.00%" in change.summary
    assert error(change.model, DENSE.model, DENSE.inputs(random, 64)) < 0.05


def test_held_out_agreement_never_falls(random: np.random.Generator) -> None:
    # a learning rate that ruins most networks; on 200 held-out examples none agrees by chance
    seen = Observed(DENSE.draw(random, 2000), DENSE.model)
    student = damaged(DENSE.model, random, 0.1)
    change = replace(BRIEF, learning_rate=50.0, optimizer="sgd").apply(student, seen)
    fresh = DENSE.inputs(random, 2000)
    wanted, before, after = (
        answers(model, fresh).argmax(-1) for model in (DENSE.model, student, change.model)
    )
    assert np.mean(after == wanted) >= np.mean(before == wanted) - 0.15


def test_a_rate_that_unlearns_is_lowered_until_it_helps(random: np.random.Generator) -> None:
    seen = Observed(DENSE.draw(random, 2000), DENSE.model)
    student = damaged(DENSE.model, random, 0.3)
    fresh = DENSE.inputs(random, 500)
    change = replace(BRIEF, learning_rate=1.0).apply(student, seen)
    assert error(change.model, DENSE.model, fresh) < 0.85 * error(student, DENSE.model, fresh)


def test_the_same_seed_trains_the_same_model(random: np.random.Generator) -> None:
    student = damaged(DENSE.model, random, 0.5)
    seen = Observed(DENSE.draw(random, 100), DENSE.model)
    brief = replace(BRIEF, epochs=3, precision="f32")
    with using(Pace(threads=1, is_bf16=False)):  # else measuring decides the order of summation
        first, again = (brief.apply(student, seen).model for _ in range(2))
        other = replace(brief, seed=1).apply(student, seen).model
    fresh = DENSE.inputs(random)
    assert np.allclose(answers(first, fresh), answers(again, fresh), atol=1e-5)
    assert not np.allclose(answers(first, fresh), answers(other, fresh), atol=1e-5)


@pytest.mark.parametrize("name", ["dense", "residual"])
def test_what_the_last_layer_reads_is_learned_too(name: str, random: np.random.Generator) -> None:
    case = named(name)
    inner = {"dense": "r", "residual": "f"}[name]
    fresh = case.inputs(random, 64)
    left = []
    for _ in range(3):
        student = damaged(case.model, random, 0.5)
        seen = Observed(case.draw(random, 400), case.model)
        with_it, without = (
            replace(BRIEF, feature_weight=weight).apply(student, seen).model
            for weight in (10.0, 0.0)
        )
        wanted, *got = (
            run(model.to_proto(), fresh, [inner], "")[inner]
            for model in (case.model, with_it, without)
        )
        left.append(np.linalg.norm(got[0] - wanted) / np.linalg.norm(got[1] - wanted))
        assert with_it.signature == case.model.signature
    assert np.exp(np.mean(np.log(left))) < 0.9, left


def test_features_are_values_of_both_in_one_shape(random: np.random.Generator) -> None:
    fresh = DENSE.inputs(random, 8)
    shown, found = with_features(DENSE.model, damaged(DENSE.model, random, 0.1), fresh, 32)
    assert list(found) == ["r"]
    assert [one.name for one in shown.signature.outputs] == ["logits", "r"]
    assert shown.signature.outputs[1].shape == ("N", 32)
    seen = Observed(DENSE.draw(random, 100), DENSE.model)
    narrow = PruneChannels(keep=0.5).apply(DENSE.model, seen).model
    assert with_features(DENSE.model, narrow, fresh, 32) == (DENSE.model, {})
    assert with_features(DENSE.model, DENSE.model, fresh, 31)[1] == {}  # too much to keep
    whole = named("fixed_batch_of_4")  # its last layer reads the input itself
    assert with_features(whole.model, whole.model, whole.inputs(random, 4), 32)[1] == {}


def test_a_quantized_graph_stays_quantized_and_comes_closer(random: np.random.Generator) -> None:
    case = named("residual")
    seen = Observed(case.draw(random, 200), case.model)
    fresh = case.inputs(random, 64)
    left = []
    for _ in range(5):
        student = QuantizeStatic(examples=100).apply(damaged(case.model, random, 0.3), seen).model
        change = replace(BRIEF, learning_rate=2e-3).apply(student, seen)
        left.append(error(change.model, case.model, fresh) / error(student, case.model, fresh))
    # agreement on few held-out examples decides which weights are kept: one draw says little
    assert np.exp(np.mean(np.log(left))) < 0.95, left
    before, after = student.graph.graph, change.model.graph.graph
    assert [node.op_type for node in before] == [node.op_type for node in after]
    kinds = {name: value.dtype for name, value in before.initializers.items()}
    assert {name: value.dtype for name, value in after.initializers.items()} == kinds


def test_it_runs_in_a_process_of_its_own_with_the_original(random: np.random.Generator) -> None:
    student = damaged(DENSE.model, random, 0.5)
    seen = Observed(DENSE.draw(random, 200), DENSE.model)
    change = apply_isolated(BRIEF, student, seen, 300)
    fresh = DENSE.inputs(random, 64)
    # without the original it would be its own, and have nothing to learn
    assert "held-out agreement" in change.summary
    assert error(change.model, DENSE.model, fresh) <= 1.05 * error(student, DENSE.model, fresh)


def test_an_original_of_another_signature_is_refused(random: np.random.Generator) -> None:
    with pytest.raises(PassError, match=r"dense\.onnx: expected the signature of residual\.onnx"):
        BRIEF.apply(DENSE.model, Observed(DENSE.draw(random, 20), named("residual").model))


_LONG = """
import sys
from pathlib import Path
import numpy as np
from tradewind.model import Model, Origin
from tradewind.passes import Distil, Observed
folder = Path(sys.argv[1])
student, teacher = (
    Model((folder / f"{name}.onnx").read_bytes(), Origin("onnx", name))
    for name in ("student", "teacher")
)
x = np.load(folder / "x.npy")
step = Distil(time_s=600, epochs=100_000, batch=32, checkpoint=str(folder / "on.pt"))
step.apply(student, Observed({"x": x}, teacher))
"""


_OFTEN = "import tradewind.passes.distillation.course as course; course._SAVE_S = 0.5"


def test_an_interrupted_training_goes_on_where_it_was(
    tmp_path: Path, random: np.random.Generator
) -> None:
    student, inputs = damaged(DENSE.model, random, 2.0), DENSE.draw(random, 100)
    student.save(tmp_path / "student.onnx")
    DENSE.model.save(tmp_path / "teacher.onnx")
    np.save(tmp_path / "x.npy", inputs["x"])
    script = _LONG.replace("import sys", f"import sys\n{_OFTEN}", 1)
    root = str(Path(__file__).resolve().parents[2] / "src")
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], env={**os.environ, "PYTHONPATH": root}
    )
    file = tmp_path / "on.pt"
    end = time.monotonic() + 120
    while not file.exists() and time.monotonic() < end and child.poll() is None:
        time.sleep(0.1)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert file.exists()
    state = torch.load(file, weights_only=True)
    assert state["at"] > 0

    step = Distil(time_s=600, epochs=100_000, batch=32, checkpoint=str(file))
    state["spent_s"] = 600.0  # the time is over: what was best is all that is left to return
    torch.save(state, file)
    change = step.apply(student, Observed(inputs, DENSE.model))
    assert f"{state['at']} steps" in change.summary
    assert not file.exists()


def test_a_checkpoint_of_another_training_is_not_taken(
    tmp_path: Path, random: np.random.Generator
) -> None:
    file = tmp_path / "on.pt"
    for content in (b"no archive", b""):
        file.write_bytes(content)
        seen = Observed(DENSE.draw(random, 100), DENSE.model)
        step = replace(BRIEF, epochs=2, checkpoint=str(file))
        assert "; 4 steps" in step.apply(damaged(DENSE.model, random, 0.5), seen).summary


def test_time_ends_the_training(random: np.random.Generator) -> None:
    student = damaged(DENSE.model, random, 2.0)
    seen = Observed(DENSE.draw(random, 1000), DENSE.model)
    summary = Distil(time_s=0.001, epochs=1000).apply(student, seen).summary
    assert "; 0 steps" in summary


def test_memory_decides_about_the_batch() -> None:
    need = Footprint(weights_bytes=1000, example_bytes=100, answers_bytes=200)
    assert need.batch_within(64, 10**9, "x") == 64
    assert need.total_bytes(8) == 1000 + 200 + 2 * 8 * 100
    assert need.batch_within(64, 4000, "x") == 8
    with pytest.raises(PassError, match="1400 bytes of memory"):
        need.batch_within(64, 1000, "x")


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    rates = [one_cycle(share) for share in np.linspace(0, 1, 101)]
    top = int(np.argmax(rates))
    assert rates[top] == pytest.approx(1)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_variants_of_images_are_shifted_and_mirrored(
    layout: str, random: np.random.Generator
) -> None:
    images = normal(random, 200, 3, 16, 16)
    images = images if layout == "NCHW" else np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    axes = moving_axes(images.shape)
    assert axes == ((2, 3) if layout == "NCHW" else (1, 2))
    rows = random.permutation(200)[:50]
    flipped = Augmentation(axes, flips=True).apply(images, rows, (1, 2))
    mirror = np.flip(images[rows], axes[1])
    is_plain = [np.array_equal(a, b) for a, b in zip(flipped, images[rows], strict=True)]
    is_mirror = [np.array_equal(a, b) for a, b in zip(flipped, mirror, strict=True)]
    assert all(a != b for a, b in zip(is_plain, is_mirror, strict=True))
    assert 5 < sum(is_plain) < 45  # half of 50, within six standard deviations

    shifted = Augmentation(axes, shifts=True).apply(images, rows, (1, 2))
    for after, before in zip(shifted, images[rows], strict=True):
        # the middle is somewhere within two elements of where it was
        moves = [
            np.roll(before, (a, b), [x - 1 for x in axes])
            for a in range(-2, 3)
            for b in range(-2, 3)
        ]
        inner = tuple(slice(3, 13) if at + 1 in axes else slice(None) for at in range(3))
        assert any(np.array_equal(after[inner], moved[inner]) for moved in moves)


@pytest.mark.parametrize("shape", [(50, 400), (50, 2, 400)])
def test_variants_of_signals_are_shifted_along_time(
    shape: tuple[int, ...], random: np.random.Generator
) -> None:
    signals = normal(random, *shape)
    axes = moving_axes(shape)
    assert axes == (len(shape) - 1,)
    rows = random.permutation(50)[:20]
    shifted = Augmentation(axes, shifts=True).apply(signals, rows, (1, 2))
    middle, moves = slice(100, 300), []
    for after, before in zip(shifted, signals[rows], strict=True):
        reached = [
            steps
            for steps in range(-50, 51)
            if np.array_equal(after[..., middle], np.roll(before, steps, -1)[..., middle])
        ]
        assert len(reached) == 1
        moves += reached
    assert len(set(moves)) > 5
    assert moving_axes((50, 41)) == ()  # columns of a table


def test_a_variant_depends_on_its_seed_and_its_example_only(random: np.random.Generator) -> None:
    values = normal(random, 60, 5)
    noise = np.full(5, 0.1, np.float32)
    subject = Augmentation(noise=noise, mixes=0.5)
    all_rows = subject.apply(values, np.arange(60), (3, 1))
    some = np.array([7, 3, 59])
    assert np.array_equal(subject.apply(values, some, (3, 1)), all_rows[some])
    assert not np.array_equal(subject.apply(values, some, (3, 2)), all_rows[some])
    assert all_rows.dtype == np.float32


def test_outputs_are_told_apart_by_what_they_hold(random: np.random.Generator) -> None:
    logits = normal(random, 20, 5)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    found = find_targets(
        {
            "logits": logits, "shares": shares, "number": normal(random, 20, 1),
            "copy": normal(random, 20, 9), "class": logits.argmax(1),
            "constant": normal(random, 3, 2),
        },
        {"x": normal(random, 20, 9)},
    )  # fmt: skip
    kinds = {name: one.kind for name, one in found.items()}
    assert kinds == {"logits": "scores", "shares": "shares", "number": "values", "copy": "values"}


def test_rows_are_cut_into_full_pieces() -> None:
    found = pieces(np.arange(5), 2)
    assert [one.tolist() for one in found] == [[0, 1], [2, 3], [4, 0]]

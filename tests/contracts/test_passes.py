"""What every pass promises, on every model of the shared table."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.cases import CASES, DENSE, Case, variations
from tests.cases.comparing import assert_close
from tests.cases.narrowing import narrowed
from tests.cases.processes import child_of, ends_within

from tradewind.engines import Engine
from tradewind.errors import ModelError, PassError, SettingError
from tradewind.model import Model, Origin
from tradewind.passes import (
    PASSES,
    Change,
    Factorize,
    Fold,
    Observed,
    Pass,
    PruneChannels,
    QuantizeDynamic,
    QuantizeNNCF,
    QuantizeStatic,
    RevertLayers,
    UpgradeOpset,
    apply_isolated,
    compare,
)

EXAMPLES = 24
"""Calibration examples; with so few the ranges are rough, which is why errors may be large."""

WEIGHTS = ("dense", "residual", "attention", "embedding", "score")
"""Models with weights that every quantizer knows."""

QUANTIZERS = tuple(kind for kind in PASSES if kind.name.startswith("quantize"))
"""Passes that fit every model with weights; others need channels, blocks or trees."""

PAIRS = [pytest.param(kind(), case, id=f"{kind.name}-{case}") for kind in PASSES for case in CASES]
EVERY_KIND = pytest.mark.parametrize("kind", PASSES, ids=lambda kind: kind.name)


FITTING = {"prune_trees": "forest", "restrict_vocabulary": "embedding", "factorize": "low_rank"}
"""Passes that need something unusual, with a model that has it."""


def _fitting(step: Pass) -> Case:
    """Return a model that a pass certainly fits."""
    name = FITTING.get(step.name, "residual")
    return next(case for case in CASES if case.name == name)


def _seen(case: Case, random: np.random.Generator) -> Observed:
    # few tokens are left that no example holds when there are many examples
    return Observed(case.draw(random, 6 if case.name == "embedding" else EXAMPLES))


def _apply(step: Pass, case: Case, random: np.random.Generator) -> Change | None:
    """Return the change, or None where the pass says that it does not fit."""
    try:
        return step.apply(case.model, _seen(case, random))
    except PassError as error:
        refusal = str(error)
    assert case.name in refusal, "the message must name the model"
    return None


def _answers(engine: Engine, model: Model, case: Case, random: np.random.Generator) -> None:
    inputs = case.inputs(random)
    with engine.compile(model) as runner:
        for name, array in runner(inputs).items():
            if array.dtype.kind == "f":
                assert np.isfinite(array).all(), name


def test_every_pass_is_tried_on_every_model() -> None:
    assert {type(pair.values[0]) for pair in PAIRS} == set(PASSES)
    assert len(PAIRS) == len(PASSES) * len(CASES)


@pytest.mark.parametrize(("step", "case"), PAIRS)
def test_a_pass_changes_a_copy_that_still_answers_or_says_that_it_does_not_fit(
    step: Pass, case: Case, random: np.random.Generator
) -> None:
    before, digest = bytes(case.model.content), case.model.digest
    change = _apply(step, case, random)
    assert case.model.content == before
    assert Model(before, case.model.origin).digest == digest
    if change is None:
        assert not step.is_lossless, "a lossless pass fits every model in the table"
        fits = isinstance(step, QUANTIZERS) and case.name in WEIGHTS
        assert not fits, "every quantizer fits a model with usual weights"
        return
    assert change.model.signature == case.model.signature
    assert change.model.origin == case.model.origin
    assert change.summary
    assert "\n" not in change.summary
    inputs = case.inputs(random)
    ran = 0
    for kind in case.engines:
        if not step.is_lossless and (kind.name, step.name, case.name) in _REFUSED:
            continue
        with kind().compile(case.model) as original, kind().compile(change.model) as changed:
            wanted, got = original(inputs), changed(inputs)
        ran += 1
        if step.is_lossless:
            assert_close(got, wanted, case.tolerance)
        else:
            compare(wanted, got)  # raises where a value is not finite
    assert ran, "no engine runs the result"


_REFUSED = {
    ("onnxruntime", "quantize_nncf", "depthwise"),
    ("pytorch", "quantize_dynamic", "lstm"),
}
"""NNCF scales the activations of depthwise convolutions channel by channel, as OpenVINO wants
them; ONNX Runtime has no kernel for that. Its own quantized LSTM is known to nobody else."""


@pytest.mark.parametrize("step", [narrowed(kind()) for kind in QUANTIZERS], ids=str)
@pytest.mark.parametrize("case", [case for case in CASES if case.name in WEIGHTS], ids=str)
def test_what_int8_loses_is_alike_on_all_engines(
    step: Pass, case: Case, random: np.random.Generator
) -> None:
    change = _apply(step, case, random)
    assert change is not None
    inputs = case.inputs(random, 8)
    answers = []
    for kind in case.engines:
        with kind().compile(change.model) as runner:
            answers.append(runner(inputs))
    for other in answers[1:]:
        # a value that falls on another of 255 steps moves what depends on it by a percent or two
        assert compare(answers[0], other).relative < 0.15


@pytest.mark.parametrize("step", [kind() for kind in PASSES], ids=lambda step: step.name)
def test_a_pass_in_a_process_of_its_own_makes_the_same_model(
    step: Pass, random: np.random.Generator
) -> None:
    case = _fitting(step)
    seen = _seen(case, random)
    here = step.apply(case.model, seen)
    there = apply_isolated(step, case.model, seen, 120)
    assert there.summary == here.summary
    assert there.model.origin == here.model.origin
    inputs = case.inputs(random)
    for kind in case.engines:
        with kind().compile(here.model) as one, kind().compile(there.model) as other:
            assert_close(other(inputs), one(inputs), case.tolerance)


@pytest.mark.parametrize("name", ["several", "encoder"])
def test_names_and_types_of_inputs_survive_the_way_into_a_process(
    name: str, random: np.random.Generator
) -> None:
    case = next(case for case in CASES if case.name == name)
    change = apply_isolated(Fold(), case.model, _seen(case, random), 120)
    assert change.model.signature == case.model.signature


@EVERY_KIND
def test_settings_survive_json(kind: type[Pass]) -> None:
    for step in variations(kind):
        assert msgspec.convert(json.loads(json.dumps(asdict(step))), kind) == step


@EVERY_KIND
def test_labels_tell_settings_apart(kind: type[Pass]) -> None:
    labels = [step.label for step in variations(kind)]
    assert len(set(labels)) == len(labels)
    assert all("\n" not in label and len(label) < 60 for label in labels)


def test_passes_have_names_of_their_own() -> None:
    assert len({kind.name for kind in PASSES}) == len(PASSES)


@EVERY_KIND
def test_what_a_pass_needs_follows_from_its_settings(kind: type[Pass]) -> None:
    step = kind()
    assert step.needs(DENSE.model) == replace(step).needs(DENSE.model)
    assert step.needs(DENSE.model).examples >= 0


@pytest.mark.parametrize(
    "step",
    [
        step
        for kind in PASSES
        for step in variations(kind)
        if kind is not QuantizeNNCF and step != kind()
    ],
    ids=lambda step: f"{step.name}-{step.label}",
)
def test_every_setting_makes_a_model_that_runs(step: Pass, random: np.random.Generator) -> None:
    case = _fitting(step)
    change = _apply(step, case, random)
    if change is None:
        # whether two layers are faster than one, or narrow ones than wide ones, is measured
        timed = step in (Factorize(cost="time"), PruneChannels(allocation="time"))
        # layers have names that no setting of all models can know
        assert timed or isinstance(step, RevertLayers)
        return
    for kind in case.engines:
        _answers(kind(), change.model, case, random)


@EVERY_KIND
def test_garbage_is_an_error_of_ours(kind: type[Pass], random: np.random.Generator) -> None:
    for content in (b"", random.bytes(300), DENSE.model.content[:300]):
        garbage = Model(content, Origin("onnx", "garbage.onnx"))
        with pytest.raises((ModelError, PassError), match=r"garbage\.onnx"):
            kind().apply(garbage, _seen(DENSE, random))


def test_garbage_in_a_process_of_its_own_is_an_error_of_the_pass(
    random: np.random.Generator,
) -> None:
    garbage = Model(b"garbage", Origin("onnx", "garbage.onnx"))
    with pytest.raises(PassError, match=r"garbage\.onnx"):
        apply_isolated(Fold(), garbage, _seen(DENSE, random), 120)


def test_too_few_examples_for_a_fixed_batch_are_named(random: np.random.Generator) -> None:
    case = next(case for case in CASES if case.fixed == 4)
    for step in (QuantizeStatic(), QuantizeNNCF()):
        with pytest.raises(PassError, match="4 examples"):
            step.apply(case.model, Observed(case.draw(random, 3)))
        # the fifth example fits into no batch of four
        assert step.apply(case.model, Observed(case.draw(random, 5))).model != case.model


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: QuantizeStatic(examples=0), "examples"),
        (lambda: QuantizeStatic(percentile=50), "percentile"),
        (lambda: QuantizeStatic(percentile=100.1), "percentile"),
        (lambda: QuantizeNNCF(examples=0), "examples"),
    ],
)
def test_a_setting_outside_its_range_is_named(make: type[Pass], setting: str) -> None:
    with pytest.raises(SettingError, match=f"^{setting}: expected"):
        make()


def test_an_old_opset_has_to_be_upgraded_before_weights_are_quantized(
    random: np.random.Generator,
) -> None:
    case = next(case for case in CASES if case.name == "opset11")
    seen = _seen(case, random)
    with pytest.raises(PassError, match="UpgradeOpset"):
        QuantizeStatic().apply(case.model, seen)
    upgraded = UpgradeOpset().apply(case.model, seen).model
    assert QuantizeStatic().apply(upgraded, seen).model != upgraded


def test_a_model_without_weights_is_not_worth_quantizing(random: np.random.Generator) -> None:
    case = next(case for case in CASES if case.name == "through")
    with pytest.raises(PassError, match=r"through\.onnx: expected an operator with weights"):
        QuantizeDynamic().apply(case.model, _seen(case, random))


def test_a_pass_that_takes_too_long_is_stopped(random: np.random.Generator) -> None:
    began = time.monotonic()
    with pytest.raises(PassError, match=r"an end within 0\.05 s"):
        apply_isolated(QuantizeNNCF(), DENSE.model, _seen(DENSE, random), 0.0512345)
    assert time.monotonic() - began < 5


def test_a_pass_that_crashes_its_process_is_an_error_of_ours(random: np.random.Generator) -> None:
    def kill() -> None:
        os.kill(child_of(os.getpid(), "tradewind.passes.isolation"), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(PassError, match="exit status -9"):
        apply_isolated(QuantizeNNCF(), DENSE.model, _seen(DENSE, random), 120)
    killer.join()


_FOREVER = """
import sys
from tests.cases import DENSE
from tradewind.passes import Observed, QuantizeNNCF, apply_isolated
import numpy as np
seen = Observed(DENSE.draw(np.random.default_rng(0), 24))
apply_isolated(QuantizeNNCF(), DENSE.model, seen, 600)
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_however_the_parent_ends_it_leaves_no_process_behind(end: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _FOREVER], stderr=subprocess.DEVNULL, env=_environment()
    )
    try:
        child = child_of(parent.pid, "tradewind.passes.isolation")
        parent.send_signal(end)
        assert parent.wait(90) != 0
        # one that was only just started looks for its parent when its imports are done
        assert ends_within(child, 90)
    finally:
        parent.kill()
        parent.wait()


def _environment() -> dict[str, str]:
    """Return an environment in which a child finds the tests as well as the package."""
    root = Path(__file__).resolve().parents[2]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])}


def test_a_file_in_the_working_directory_is_not_taken_for_a_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, random: np.random.Generator
) -> None:
    (tmp_path / "onnx.py").write_text("raise SystemExit('the wrong onnx')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", _environment()["PYTHONPATH"])
    monkeypatch.chdir(tmp_path)
    assert apply_isolated(UpgradeOpset(), DENSE.model, _seen(DENSE, random), 120).model


def test_a_full_disk_is_an_error_of_ours(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, random: np.random.Generator
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))
    with pytest.raises(PassError, match="room for temporary files"):
        apply_isolated(Fold(), DENSE.model, Observed(DENSE.draw(random, 100_000)), 120)
    assert list(small_disk.iterdir()) == []

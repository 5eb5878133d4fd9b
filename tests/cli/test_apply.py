from dataclasses import fields
from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.cases import DENSE
from tests.cli.child import tradewind
from tests.cli.conftest import Quick
from tests.cli.samples import Sample, contents

from tradewind.cli.settings import parse_settings
from tradewind.engines import OnnxRuntime
from tradewind.errors import SettingError
from tradewind.importers import load_model
from tradewind.passes import PASSES, DropBlocks, PruneChannels, QuantizeStatic


@pytest.fixture
def prunable(tmp_path: Path, random: np.random.Generator) -> Sample:
    """A model with channels that can be cut, beside inputs for it."""
    sample = Sample(tmp_path / "dense.onnx", tmp_path / "inputs.npz")
    DENSE.model.save(sample.model)
    np.savez(sample.data, x=DENSE.draw(random, 600)["x"])
    return sample


def test_a_smaller_model_is_written_and_told_about(prunable: Sample, tmp_path: Path) -> None:
    out = tmp_path / "small.onnx"
    before = prunable.model.read_bytes()
    done = tradewind(
        "apply", "prune-channels", prunable.model, "--data", prunable.data,
        "--set", "keep=0.5", "--set", "examples=200", "--out", out, "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    found = done.document
    assert found["settings"]["keep"] == 0.5
    assert found["after"]["macs"] == found["before"]["macs"] / 2
    assert found["after"]["size_bytes"] == out.stat().st_size < found["before"]["size_bytes"]
    assert found["difference"]["unseen"]
    assert 0 < found["difference"]["relative"] < 1
    assert prunable.model.read_bytes() == before
    assert load_model(out).signature == DENSE.model.signature


def test_a_pass_that_looks_at_nothing_needs_no_data(
    sample: Sample, tmp_path: Path, quick: Quick
) -> None:
    out = tmp_path / "folded.onnx"
    done = quick("apply", "fold", sample.model, "--out", out, "--json")
    assert done.code == 0, done.err
    assert done.document["difference"] is None
    onnx.checker.check_model(onnx.load(out), full_check=True)


def test_what_a_lossless_pass_moves_is_next_to_nothing(
    sample: Sample, tmp_path: Path, quick: Quick
) -> None:
    out = tmp_path / "folded.onnx"
    done = quick("apply", "fold", sample.model, "--data", sample.data, "--out", out)
    assert done.code == 0, done.err
    assert "100.00%" in done.out
    assert "bytes became" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["shrink"], "expected one of"),
        (["prune_channels"], "--data: expected examples"),
        (["prune_channels", "--set", "keep=lots"], "--set keep: expected a number"),
        (["prune_channels", "--set", "keep=2"], "keep: expected more than 0"),
        (["prune_channels", "--set", "kept=0.5"], "--set: expected one of keep"),
        (["prune_channels", "--set", "keep"], "--set: expected keep=VALUE, got keep"),
        (["fold", "--set", "x=1"], "expected none, as fold has no settings"),
        (["quantize_static", "--set", "weights=s4"], "--set weights: expected s8 or u8"),
        (["fold", "--time", "soon"], "a duration"),
    ],
)
def test_a_wrong_request_is_named_and_writes_nothing(
    arguments: list[str], said: str, sample: Sample, tmp_path: Path, quick: Quick
) -> None:
    before = contents(tmp_path)
    name, *options = arguments
    done = quick("apply", name, sample.model, *options, "--out", tmp_path / "new.onnx")
    assert done.code == 2
    assert said in done.err
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("out", "said"),
    [("model.onnx", "a place outside of"), ("new.bin", ".onnx"), ("none/new.onnx", "no folder")],
)
def test_an_output_that_cannot_be_written_is_refused_first(
    out: str, said: str, sample: Sample, quick: Quick
) -> None:
    before = contents(sample.folder)
    done = quick("apply", "fold", sample.model, "--out", sample.folder / out)
    assert done.code == 2
    assert said in done.err
    assert contents(sample.folder) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["fold", "--time", "0s"], "--time: expected a duration"),
        (["fold", "--seed", "-5"], "--seed"),
        (["distil"], "--original: expected the model that MODEL was made from"),
    ],
)
def test_what_could_only_fail_or_do_nothing_is_refused_first(
    options: list[str], said: str, sample: Sample, tmp_path: Path, quick: Quick
) -> None:
    if options == ["distil"]:
        pytest.importorskip("torch", reason="distil needs the extra `train`")
    out = tmp_path / "x.onnx"
    done = quick("apply", *options, sample.model, "--data", sample.data, "--out", out)
    assert (done.code, said in done.err) == (2, True)
    assert not out.exists()


def test_a_pass_that_does_not_fit_says_so(sample: Sample, tmp_path: Path, quick: Quick) -> None:
    done = quick(
        "apply", "drop_blocks", sample.model, "--data", sample.data, "--out", tmp_path / "x.onnx"
    )
    assert done.code == 1
    assert "a residual block that can be removed" in done.err
    assert not (tmp_path / "x.onnx").exists()


def test_every_pass_and_setting_is_in_the_help(quick: Quick) -> None:
    done = quick("apply", "--help")
    assert done.code == 0
    for kind in PASSES:
        assert f"{kind.name}: " in done.out
        for field in fields(kind):
            assert f"  {field.name}=" in done.out


def test_settings_are_typed_as_their_fields_are() -> None:
    found = parse_settings(PruneChannels, ["keep=.25", "repairs=no", "heads=within", "multiple=4"])
    assert found == PruneChannels(keep=0.25, repairs=False, heads="within", multiple=4)
    assert parse_settings(DropBlocks, ["judged-on=3"]) == DropBlocks(judged_on=3)
    assert parse_settings(QuantizeStatic, []) == QuantizeStatic()
    with pytest.raises(SettingError, match="true or false"):
        parse_settings(DropBlocks, ["repairs=maybe"])


def test_a_written_model_answers_as_the_document_says(
    prunable: Sample, tmp_path: Path, quick: Quick
) -> None:
    out = tmp_path / "half.onnx"
    done = quick(
        "apply", "prune_channels", prunable.model, "--data", prunable.data, "--set",
        "examples=600", "--out", out, "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    # all examples were looked at, so that the comparison is on some of them
    assert not done.document["difference"]["unseen"]
    with np.load(prunable.data) as archive:
        inputs = {"x": archive["x"]}
    with OnnxRuntime().compile(load_model(out)) as runner:
        assert np.isfinite(runner(inputs)["logits"]).all()
    assert [path.name for path in tmp_path.glob("*half*")] == ["half.onnx"]

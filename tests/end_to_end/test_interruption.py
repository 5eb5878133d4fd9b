"""Ctrl-C at every stage: what was finished is kept, nothing else is left."""

import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from tests.cli.child import Done, tradewind
from tests.cli.samples import write_sample
from tests.end_to_end.conftest import left_over, started, write_digits

from tradewind.bundle import open_bundle


def _until(process: "subprocess.Popen[str]", line: str) -> str:
    """Read stderr up to a line."""
    assert process.stderr is not None
    read = ""
    while line not in read:
        found = process.stderr.readline()
        assert found, f"{line!r} never came:\n{read}"
        read += found
    return read


def _interrupt(process: "subprocess.Popen[str]", line: str, after_s: float = 0.0) -> Done:
    read = _until(process, line)
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return Done(process.returncode, out, read + err)


def test_while_trying_variants_what_was_finished_is_kept(tmp_path: Path) -> None:
    write_digits(tmp_path)
    with started(
        tmp_path, "optimize", "digits.onnx", "--data", "digits.npz", "--time", "10s", "--json"
    ) as process:
        done = _interrupt(process, "trying variants", after_s=2.0)
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    assert "interrupted" in done.err
    manifest = open_bundle(tmp_path / "digits.tw").manifest
    assert not manifest.is_complete
    assert manifest.baseline.latency_ms is not None
    assert done.document["chosen"]["variant"] == manifest.chosen.variant
    assert left_over(tmp_path) == []


def test_while_timing_the_original_is_kept(tmp_path: Path, random: np.random.Generator) -> None:
    write_sample(tmp_path, random)
    with started(
        tmp_path, "optimize", "model.onnx", "--data", "data.npz", "--time", "6s", "--json"
    ) as process:
        done = _interrupt(process, "timing the finalists", after_s=0.2)
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    manifest = open_bundle(tmp_path / "model.tw").manifest
    assert not manifest.is_complete
    assert left_over(tmp_path) == []


def test_before_there_is_anything_it_ends_with_130(tmp_path: Path) -> None:
    write_digits(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    with started(tmp_path, "optimize", "digits.onnx", "--data", "digits.npz", "--json") as process:
        done = _interrupt(process, "running the original")
    assert done.code == 130, done.err
    assert "Traceback" not in done.err
    assert "message" in done.document["error"]
    assert {path.name for path in tmp_path.iterdir()} - {"tmp"} == before
    assert left_over(tmp_path) == []


def test_told_to_end_by_sigterm_it_leaves_nothing(tmp_path: Path) -> None:
    write_digits(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    with started(tmp_path, "optimize", "digits.onnx", "--data", "digits.npz") as process:
        _until(process, "trying variants")
        until = time.monotonic() + 30
        while not left_over(tmp_path) and time.monotonic() < until:
            time.sleep(0.01)  # until a pass has its files
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert {path.name for path in tmp_path.iterdir()} - {"tmp"} == before
    assert not list((tmp_path / "tmp").iterdir())
    while left_over(tmp_path) and time.monotonic() < until:
        time.sleep(0.05)  # a child that had just been begun looks for its parent first
    assert left_over(tmp_path) == []


def test_a_demo_that_is_told_to_end_ends_its_search_too(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="the demo's images come with scikit-learn")
    until = time.monotonic() + 60
    with started(tmp_path, "demo", "--time", "5m") as process:
        _until(process, "trying variants")
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    while left_over(tmp_path) and time.monotonic() < until:
        time.sleep(0.05)
    assert left_over(tmp_path) == []


def test_a_search_that_was_killed_goes_on_where_it_ended(
    tmp_path: Path, random: np.random.Generator
) -> None:
    write_sample(tmp_path, random)
    model = ("optimize", "model.onnx", "--data", "data.npz")
    search = (*model, "--effort", "quick", "--cache", "cache", "--time")
    with started(tmp_path, *search, "60s") as process:
        kept, until = 0, time.monotonic() + 60
        while kept < 3 and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
            kept = len(list(tmp_path.glob("cache/??/[!.]*")))
        process.kill()
        process.wait(timeout=30)
    assert kept >= 3
    done = tradewind(*search, "5s", folder=tmp_path)
    assert done.code == 0, done.err
    assert "results of earlier searches were used again" in done.err


@pytest.mark.parametrize("command", ["bench", "predict"])
def test_other_commands_end_with_130(
    command: str, tmp_path: Path, random: np.random.Generator
) -> None:
    sample = write_sample(tmp_path, random)
    options = {
        "bench": [sample.model, "--data", sample.data, "--time", "60s"],
        "predict": [sample.model, "--in", sample.data, "--out", tmp_path / "answers.npz"],
    }
    if command == "predict":
        # so many examples, one at a time, that answering them takes a minute
        np.savez(sample.data, x=np.zeros((3_000_000, 8), np.float32))
    with started(tmp_path, command, *options[command], *(
        ["--batch-size", "1"] if command == "predict" else []
    )) as process:  # fmt: skip
        time.sleep(2.5)  # past its imports: before, Python itself ends with its own code
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert "Traceback" not in err
    assert not (tmp_path / "answers.npz").exists()
    assert left_over(tmp_path) == []

"""A disk that is full when the bundle is written."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.child import COMMAND, ENVIRONMENT, tradewind
from tests.cli.samples import Sample, contents, write_by_hand


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_old_bundle_as_it_was(sample: Sample, small_disk: Path) -> None:
    old = write_by_hand(small_disk, sample.model)
    (small_disk / "filler").write_bytes(bytes(32_768))
    before = contents(small_disk)
    done = tradewind(
        "optimize", sample.model, "--data", sample.data, "--out", old,
        "--overwrite", "--time", "5s", "--effort", "quick", "--json",
    )  # fmt: skip
    assert done.code == 2, done.err
    error = done.document["error"]
    assert error["kind"] == "OutputError"
    assert error["got"] == "No space left on device"
    assert "nothing was changed" in error["hint"]
    assert "Traceback" not in done.err
    assert contents(small_disk) == before


def test_a_full_disk_leaves_no_half_of_the_answers(sample: Sample, small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(61_440))
    before = contents(small_disk)
    for ending in (".npz", ".csv", ".parquet"):
        out = small_disk / f"answers{ending}"
        done = tradewind("predict", sample.model, "--in", sample.data, "--out", out)
        assert done.code == 2, done.err
        assert "No space left on device" in done.err
        assert contents(small_disk) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_output_that_finds_no_room_is_no_bug(options: list[str], sample: Sample) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "inspect", sample.model, *options],
            env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert "output: expected room on the disk, got No space left on device" in done.stderr
    assert "bug" not in done.stderr
    assert "Traceback" not in done.stderr

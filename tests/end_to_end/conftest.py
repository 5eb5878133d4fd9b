"""The main job run once on the digits example, for every test that looks at what it left."""

import os
import runpy
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cli.child import COMMAND, ENVIRONMENT, Done
from tests.cli.samples import Sample, write_sample

from tradewind.bundle import Bundle, open_bundle

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"


@dataclass(frozen=True)
class Finished:
    """A search that has ended, with what it was given and what it left."""

    folder: Path
    done: Done
    wall_s: float

    @property
    def data(self) -> Path:
        return self.folder / "digits.npz"

    @property
    def bundle(self) -> Bundle:
        return open_bundle(self.folder / "digits.tw")

    @property
    def document(self) -> Any:
        return self.done.document


def write_digits(folder: Path) -> None:
    """Put the digits example into a folder."""
    pytest.importorskip("sklearn", reason="the images come with scikit-learn")
    shutil.copyfile(DIGITS / "digits.onnx", folder / "digits.onnx")
    runpy.run_path(str(DIGITS / "data.py"))["write_npz"](folder / "digits.npz")


@contextmanager
def started(folder: Path, *arguments: object) -> Iterator["subprocess.Popen[str]"]:
    """Run `tradewind` in a process group of its own, with a temporary folder of its own."""
    (folder / "tmp").mkdir(exist_ok=True)
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=folder,
        env={**ENVIRONMENT, "TMPDIR": str(folder / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def left_over(folder: Path) -> list[str]:
    """Return what a process that used `folder` for its temporary files has left behind."""
    found = [f"file {path.name}" for path in (folder / "tmp").iterdir()]
    found += [f"folder {path.name}" for path in folder.iterdir() if path.name.startswith(".")]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it has ended meanwhile
            continue
        if any(str(folder / "tmp") in word for word in words):
            found.append(f"process {' '.join(words)}")
    return found


@pytest.fixture(scope="session")
def optimized(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """`tradewind optimize` on the digits example."""
    folder = tmp_path_factory.mktemp("digits")
    write_digits(folder)
    begin = time.monotonic()
    with started(
        folder, "optimize", "digits.onnx", "--data", "digits.npz", "--max-drop", "0.03",
        "--time", "60s", "--effort", "quick", "--seed", "7", "--json",
    ) as process:  # fmt: skip
        out, err = process.communicate(timeout=200)
        wall_s = time.monotonic() - begin
    return Finished(folder, Done(process.returncode, out, err), wall_s)


@pytest.fixture
def sample(tmp_path: Path, random: np.random.Generator) -> Sample:
    """A tiny model with data in a folder of its own."""
    return write_sample(tmp_path, random)

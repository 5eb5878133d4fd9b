"""Fixtures that every layer's tests may ask for."""

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.cases import SEED
from tests.cases.imports import IMPORTS, Row

os.environ["TRADEWIND_NO_CACHE"] = "1"  # commands of tests know nothing of earlier searches
if "PYTEST_XDIST_WORKER" in os.environ:  # processes side by side would wait for each other's cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as a shell starts what runs in background
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def shared_data() -> Path:
    """The folder of real models and data beside the checkout."""
    folder = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real models and data are not at {folder}")
    return folder


@pytest.fixture
def random() -> np.random.Generator:
    """A generator with a fresh seed, which a failing test prints."""
    seed = secrets.randbits(32)
    print(f"seed: {seed}")
    return np.random.default_rng(seed)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here; that takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--imports", type=Path, help="write the table of imported models here")


def pytest_sessionfinish(session: pytest.Session) -> None:
    target = session.config.getoption("--imports")
    given = getattr(session.config, "workeroutput", None)
    if given is not None:  # one of several processes: whoever started them writes the table
        given["imports"] = msgspec.json.encode(IMPORTS.rows).decode()
    elif target is not None:
        IMPORTS.write(target)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the rows of a process that has ended."""
    found = getattr(node, "workeroutput", {}).get("imports", "[]")
    IMPORTS.rows += msgspec.json.decode(found, type=list[Row])


def pytest_report_header() -> str:
    """Say how the weights of the shared models can be drawn again."""
    return f"shared models: TRADEWIND_TEST_SEED={SEED}"

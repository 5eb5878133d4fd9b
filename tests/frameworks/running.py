"""Scripts that make models, run in the environment of their framework."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tradewind.importers import environment

MAKING = Path(__file__).parent / "making"


def make(
    name: str,
    script: str,
    arguments: Sequence[str | Path],
    variables: Mapping[str, str] | None = None,
) -> None:
    """Run a script of `making` in an environment, or skip where that is not installed."""
    wanted = environment(name)
    if not wanted.is_installed:
        pytest.skip(f"the {name} environment is missing: tradewind doctor --install {name}")
    command = [str(wanted.python), str(MAKING / script), *map(str, arguments)]
    found = subprocess.run(
        command,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **(variables or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not found.returncode, found.stderr[-3000:]


def beside(name: str, code: str) -> str:
    """Run code here, with an environment behind ours on the path; return what it wrote.

    What both hold comes from ours.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    behind = environment(name).folder / "lib" / version / "site-packages"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({str(behind)!r}); {code}"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, (done.stdout + done.stderr)[-3000:]
    return done.stdout

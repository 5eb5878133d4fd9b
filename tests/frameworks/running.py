"""Scripts that make models, run in the environment of their framework."""

import os
import subprocess
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

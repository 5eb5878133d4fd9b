"""All cases on all engines, each engine in a process of its own."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cases.case import GENERAL
from tests.conformance.answering import read_outcomes
from tests.conformance.judging import Outcome, Verdict

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 1800
RESTARTS = 20
"""Crashes of one engine after which its remaining cases are given up."""


def run_all() -> list[Outcome]:
    """Return what every engine makes of every case; a crash is an outcome too."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {kind.name: Path(folder) / f"{kind.name}.jsonl" for kind in GENERAL}
        children = {name: _start(name, path) for name, path in paths.items()}
        return [
            outcome
            for name, path in paths.items()
            for outcome in _finish(name, path, children[name])
        ]


def _start(engine: str, path: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.conformance.answering", engine]
    where = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [*command, str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": where},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _finish(engine: str, path: Path, child: subprocess.Popen[bytes]) -> list[Outcome]:
    """Wait for one engine, started again after each case that ends its process."""
    crashes: dict[str, str] = {}
    while True:
        try:
            _, errors = child.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            _, errors = child.communicate()
        begun = read_outcomes(path)
        if child.returncode == 0:
            break
        last, outcome = begun[-1] if begun else ("", None)
        if outcome is not None or last in crashes or len(crashes) >= RESTARTS or not last:
            raise AssertionError(f"{engine} ended with {child.returncode}:\n{errors.decode()}")
        crashes[last] = f"the process ended with {child.returncode}"
        child = _start(engine, path)
    return [
        outcome or Outcome(engine, name, "", Verdict.CRASHED, crashes[name], ())
        for name, outcome in begun
    ]

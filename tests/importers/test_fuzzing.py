"""Damaged ONNX files end in a model or in an error that says what is wrong."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx

ROOT = Path(__file__).parents[2]
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
SECONDS = 6


def test_damaged_files_never_crash_or_hang(tmp_path: Path, random: np.random.Generator) -> None:
    files = sorted(map(str, LIGHT.glob("*.onnx")))
    assert files
    seed = int(random.integers(2**31))
    print(f"seed of the damage: {seed}")
    command = [sys.executable, "-m", "tests.importers.fuzzing", str(seed), str(SECONDS)]
    where = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    done = subprocess.run(
        [*command, str(tmp_path), *files],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": where},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert not (tmp_path / "damaged.onnx").exists()
    assert " refused" in done.stdout

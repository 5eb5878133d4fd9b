"""A few seconds of coverage-guided fuzzing of each target; more by hand:

TRADEWIND_FUZZ_S=600 pytest tests/fuzz/test_atheris.py
"""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS, Target

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv-atheris"
TIME_S = int(os.environ.get("TRADEWIND_FUZZ_S", "3"))  # for each target


@pytest.fixture(scope="module")
def atheris_python() -> Path:
    """The interpreter of an environment with atheris, made when there is none."""
    python = ENVIRONMENT / "bin" / "python"
    if any(ENVIRONMENT.glob("lib/python3*/site-packages/atheris")):
        return python
    subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "atheris>=3"]
    found = subprocess.run(install, check=False, capture_output=True, text=True, timeout=180)
    if found.returncode:
        pytest.skip(f"atheris cannot be installed: {found.stderr.strip()[-200:]}")
    return python


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_no_bytes_break_a_target(target: Target, atheris_python: Path, tmp_path: Path) -> None:
    name = target.__name__
    new = tmp_path / "corpus"
    new.mkdir()
    for place, seed in enumerate(seeds()[name]):
        (new / f"seed{place}").write_bytes(seed)
    kept = ROOT / "tests" / "fuzz" / "corpus" / name
    here = sysconfig.get_paths()["purelib"]
    command = [
        str(atheris_python), "-m", "tests.fuzz.with_atheris", name, str(new),
        *([str(kept)] if kept.is_dir() else []),
        f"-max_total_time={TIME_S}", "-max_len=4096", "-timeout=30", "-rss_limit_mb=4096",
        f"-artifact_prefix={tmp_path}/", "-verbosity=0",
    ]  # fmt: skip
    found = subprocess.run(
        command,
        check=False,
        capture_output=True,
        cwd=ROOT,
        timeout=TIME_S + 240,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}:{here}", "PATH": os.environ["PATH"]},
    )
    broken = [path.read_bytes()[:2000] for path in tmp_path.glob("*-*")]
    told = found.stderr.decode(errors="replace")[-3000:]
    assert found.returncode == 0, f"{broken}\n{told}"

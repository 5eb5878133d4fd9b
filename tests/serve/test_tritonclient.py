import subprocess
import sys
from pathlib import Path

import pytest
from tests.serve.child import ROOT, Child

ENVIRONMENT = ROOT / ".venv-tritonclient"


@pytest.fixture(scope="session")
def triton_python() -> Path:
    """The interpreter of an environment with tritonclient, made when there is none."""
    python = ENVIRONMENT / "bin" / "python"
    if any(ENVIRONMENT.glob("lib/python3*/site-packages/tritonclient/http")):
        return python
    subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    install = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "tritonclient[http]>=2.73",
        "ml-dtypes",
    ]
    found = subprocess.run(install, check=False, capture_output=True, text=True, timeout=120)
    if found.returncode:
        pytest.skip(f"tritonclient cannot be installed: {found.stderr.strip()[-200:]}")
    return python


def test_a_client_of_others_works_unchanged(server: Child, triton_python: Path) -> None:
    script = Path(__file__).with_name("tritonclient_calls.py")
    found = subprocess.run(
        [triton_python, script, f"{server.host}:{server.port}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.stdout.strip() == "all calls passed", found.stderr

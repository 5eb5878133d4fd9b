"""Others read the OpenAPI document, and ask everything that it allows and much that it does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.serve.child import ROOT, Child

ENVIRONMENT = ROOT / ".venv-schemathesis"
EXAMPLES = os.environ.get("TRADEWIND_SCHEMATHESIS_EXAMPLES", "10")  # for each path
PATHS = "tiny|echo-(FP32|FP16|INT8|BYTES|BOOL|UINT64)|picture|two.20words|^/v2$|health|repository"


@pytest.fixture(scope="module")
def schemathesis() -> Path:
    """The command of an environment with schemathesis, made when there is none."""
    command = ENVIRONMENT / "bin" / "schemathesis"
    if command.exists():
        return command
    subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    install = [
        str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet", "schemathesis>=4.32"
    ]  # fmt: skip
    found = subprocess.run(install, check=False, capture_output=True, text=True, timeout=300)
    if found.returncode:
        pytest.skip(f"schemathesis cannot be installed: {found.stderr.strip()[-200:]}")
    return command


def test_the_server_is_as_its_description_says(server: Child, schemathesis: Path) -> None:
    command = [
        str(schemathesis), "run", f"http://{server.host}:{server.port}/openapi.json",
        "--include-path-regex", PATHS,
        "--phases", "examples,coverage,fuzzing",
        "-n", EXAMPLES,
        # JSON Schema cannot say that `data` holds as many elements as `shape` multiplies to
        "--exclude-checks", "positive_data_acceptance",
        "--suppress-health-check", "all",
        "--request-timeout", "60",
        "--no-color",
    ]  # fmt: skip
    found = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=580,
        cwd=ENVIRONMENT,
        env={"PATH": os.environ["PATH"], "HOME": str(ENVIRONMENT)},
    )
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
    assert "failure" not in found.stdout.splitlines()[-1]

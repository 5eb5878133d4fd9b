import subprocess
import sys
from pathlib import Path

import pytest
from tests.serve.child import ROOT, Child

FOLDER = Path(__file__).parent
TRITON = ("tritonclient[http,grpc]>=2.73", "ml-dtypes")
KSERVE = ("kserve>=0.15",)


def environment(name: str, packages: tuple[str, ...], proof: str) -> Path:
    """Return the interpreter of an environment for one client, made when there is none.

    Args:
        name: of the folder.
        packages: what to install.
        proof: a folder that is there when everything is installed.
    """
    folder = ROOT / name
    python = folder / "bin" / "python"
    if any(folder.glob(f"lib/python3*/site-packages/{proof}")):
        return python
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", *packages]
    found = subprocess.run(install, check=False, capture_output=True, text=True, timeout=300)
    if found.returncode:
        pytest.skip(f"{packages[0]} cannot be installed: {found.stderr.strip()[-200:]}")
    return python


@pytest.fixture(scope="session")
def triton_python() -> Path:
    return environment(".venv-tritonclient", TRITON, "grpc")


@pytest.fixture(scope="session")
def kserve_python() -> Path:
    return environment(".venv-kserve", KSERVE, "kserve")


def passes(python: Path, script: str, *addresses: str) -> None:
    """Run a script of calls; all of them must pass."""
    found = subprocess.run(
        [python, FOLDER / script, *addresses],
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert found.stdout.strip().endswith("all calls passed"), found.stderr


@pytest.mark.parametrize("script", ["tritonclient_calls.py", "tritonclient_aio_calls.py"])
def test_a_client_of_others_works_unchanged(
    server: Child, triton_python: Path, script: str
) -> None:
    passes(triton_python, script, f"{server.host}:{server.port}")


def test_a_client_of_others_works_unchanged_over_grpc(server: Child, triton_python: Path) -> None:
    passes(triton_python, "tritonclient_grpc_calls.py", server.grpc)


def test_clients_of_kserve_work_unchanged(server: Child, kserve_python: Path) -> None:
    passes(kserve_python, "kserve_calls.py", f"{server.host}:{server.port}", server.grpc)

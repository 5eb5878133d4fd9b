import os
import subprocess
from pathlib import Path

import pytest
from tests.serve.child import Child
from tests.serve.test_tritonclient import environment

PACKAGES = ("--no-deps", "tritonclient==2.41.0", "nvidia-cuda-runtime-cu12")
"""The last release that carries the program, and one of the two libraries that it wants."""


@pytest.fixture(scope="module")
def analyzer() -> tuple[Path, dict[str, str]]:
    """The program, with the environment that it starts in."""
    python = environment(".venv-perf-analyzer", PACKAGES, "nvidia/cuda_runtime")
    folders = sorted((python.parents[1] / "lib").glob("python3*/site-packages/nvidia/*/lib"))
    paths = [*map(str, folders), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    variables = {"LD_LIBRARY_PATH": ":".join(paths), "PATH": ""}
    program = python.parent / "perf_analyzer"
    program.chmod(0o755)
    tried = subprocess.run(
        [program, "--version"], env=variables, capture_output=True, text=True, check=False
    )
    if tried.returncode and "shared libraries" in tried.stderr:
        pytest.skip(
            f"{tried.stderr.strip().rpartition('perf_analyzer: ')[2]} (apt-get install libb64-0d)"
        )
    return program, variables


@pytest.mark.parametrize("way", [["http"], ["grpc"], ["grpc", "--streaming"]], ids=" ".join)
def test_perf_analyzer_runs_against_the_server(
    server: Child, analyzer: tuple[Path, dict[str, str]], way: list[str]
) -> None:
    measure(server, analyzer, "tiny", *way)


@pytest.mark.parametrize("way", [["http"], ["grpc", "--streaming"]], ids=" ".join)
def test_perf_analyzer_asks_sequences(
    server: Child, analyzer: tuple[Path, dict[str, str]], way: list[str]
) -> None:
    refused = 'tradewind_requests_refused_total{model="counter"'
    before = server.metric(refused)
    measure(server, analyzer, "counter", *way, "--sequence-length", "8")
    assert server.metric(refused) == before


def measure(server: Child, analyzer: tuple[Path, dict[str, str]], model: str, *way: str) -> None:
    program, variables = analyzer
    address = server.grpc if way[0] == "grpc" else f"{server.host}:{server.port}"
    command = [str(program), "-m", model, "-u", address, "-i", *way]
    # whether it finds the measurement stable is of no interest here
    command += ["--concurrency-range", "4", "-p", "500", "-s", "1000000", "-r", "3"]
    done = subprocess.run(
        command, env=variables, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "Throughput:" in done.stdout
    assert "Server:" in done.stdout  # it also found the statistics

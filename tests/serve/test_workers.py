"""Several processes on one port: together they are one server, also when one of them dies."""

import os
import signal
from pathlib import Path
from urllib.request import urlopen

import pytest
from tests.cli.child import tradewind
from tests.cli.test_serve import serving
from tests.serve.residency.scaling import write
from tests.serve.test_model_directory import PATIENCE_S, client, until

from tradewind.serve.workers import cores_for


def children(pid: int) -> set[int]:
    """Return the workers of a server."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return {int(child) for child in path.read_text().split()}


def answered(url: str) -> float:
    """Return how many requests the whole server has answered, as one of its workers tells."""
    with urlopen(f"{url}/metrics", timeout=PATIENCE_S) as response:
        lines = response.read().decode().splitlines()
    name = "tradewind_requests_answered_total"
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name + "{"))


def ask(url: str, times: int) -> None:
    """Ask on a new connection each time, so that every worker has its share."""
    for _ in range(times):
        with client(url) as asking:
            assert asking.infer("m") == (200, 2)


def test_workers_share_the_port_and_count_together(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", 2)
    with serving(path, "--workers", "2", "--pin-cores") as (url, process):
        assert len(children(process.pid)) == 2
        ask(url, 30)
        until(lambda: answered(url) == 30, "the workers do not count together")
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, rest) == (0, "")


def test_a_killed_worker_is_replaced_and_its_counts_stay(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", 2)
    with serving(path, "--workers", "2") as (url, process):
        before = children(process.pid)
        ask(url, 20)
        until(lambda: answered(url) == 20, "the workers do not count together")
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        until(
            lambda: len(children(process.pid)) == 2 and victim not in children(process.pid),
            "no worker took its place",
        )
        ask(url, 10)
        until(lambda: answered(url) == 30, "counts were lost")


def test_workers_end_with_whoever_started_them(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", 2)
    with serving(path, "--workers", "2") as (_, process):
        workers = children(process.pid)
        process.kill()
        process.communicate(timeout=PATIENCE_S)
        until(
            lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers),
            "workers are left over",
        )


def test_a_server_whose_workers_cannot_begin_ends(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"no model")
    done = tradewind("serve", path, "--workers", "2", "--http-port", "0", "--json")
    assert done.code == 2
    assert "m.onnx" in done.err
    assert done.document["error"]["where"] == "--workers"


@pytest.mark.parametrize(
    "options",
    [
        ["--workers", "2", "--model-control", "explicit"],
        ["--workers", "2", "--admin-port", "0"],
    ],
)
def test_what_would_reach_one_worker_only_is_refused(tmp_path: Path, options: list[str]) -> None:
    path = write(tmp_path / "m.onnx", 2)
    done = tradewind("serve", path, "--http-port", "0", *options)
    assert done.code == 2
    assert "expected" in done.err


def test_cores_are_shared_out_without_gaps() -> None:
    here = sorted(os.sched_getaffinity(0))
    for count in (1, 2, 3, len(here), 2 * len(here)):
        found = cores_for(count, is_pinned=True)
        assert len(found) == count
        assert all(found)
        assert {core for cores in found for core in cores} == set(here)
    assert cores_for(3, is_pinned=False) == [()] * 3

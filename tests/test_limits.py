"""The cores and the memory that a process may use, and that engines keep to these cores."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from tests.cases.building import graph

from tradewind.limits import available_cores, free_memory, limited_cores, total_memory


def _machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_cores_are_those_that_this_process_may_use() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert available_cores() == 1
        assert limited_cores() == (1 if (os.cpu_count() or 1) > 1 else 0)
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, 64),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 64),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "5000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "nonsense"}, 64),
        (  # the group above has less
            {
                "proc/self/cgroup": "0::/pods/one\n",
                "sys/fs/cgroup/pods/one/cpu.max": "800000 100000\n",
                "sys/fs/cgroup/pods/cpu.max": "300000 100000\n",
            },
            3,
        ),
        (
            {
                "proc/self/cgroup": "12:memory:/\n4:cpu,cpuacct:/box\n0::/\n",
                "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "400000\n",
                "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            4,
        ),
    ],
)
def test_a_quota_counts_in_whole_cores(
    files: dict[str, str], quota: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert available_cores(_machine(tmp_path, files)) == quota


MEGABYTE = 2**20


@pytest.mark.parametrize(
    ("files", "total", "free"),
    [
        ({"proc/meminfo": f"MemTotal: {2**20} kB\nMemAvailable: {2**18} kB\n"}, None, 256),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, None, None),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/memory.max": f"{100 * MEGABYTE}\n",
                "sys/fs/cgroup/a/b/memory.current": f"{70 * MEGABYTE}\n",
                "sys/fs/cgroup/a/b/memory.stat": f"anon 5\ninactive_file {20 * MEGABYTE}\n",
                "sys/fs/cgroup/a/memory.max": f"{200 * MEGABYTE}\n",
                "sys/fs/cgroup/a/memory.current": f"{190 * MEGABYTE}\n",
            },
            100,
            10,  # the group above has less left
        ),
        (
            {
                "proc/self/cgroup": "5:memory:/box\n",
                "sys/fs/cgroup/memory/box/memory.limit_in_bytes": f"{100 * MEGABYTE}\n",
                "sys/fs/cgroup/memory/box/memory.usage_in_bytes": f"{120 * MEGABYTE}\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            100,
            0,
        ),
    ],
)
def test_memory_is_what_the_cgroups_allow(
    files: dict[str, str], total: int | None, free: int | None, tmp_path: Path
) -> None:
    root = _machine(tmp_path, files)
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert total_memory(root) == (physical if total is None else total * MEGABYTE)
    assert free_memory(root) == (physical if free is None else free * MEGABYTE)


def test_some_of_the_memory_is_free() -> None:
    assert 0 < free_memory() <= total_memory()


_ENGINES = """
import os, sys
from pathlib import Path
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from tradewind.engines import OnnxRuntime, OpenVINO
from tradewind.importers import load_model
model = load_model(sys.argv[1])
runners = [engine.compile(model) for engine in (OnnxRuntime(), OpenVINO())]
for task in Path("/proc/self/task").iterdir():
    print(os.sched_getaffinity(int(task.name)))
"""


def test_threads_of_engines_stay_where_the_process_may_run(tmp_path: Path) -> None:
    allowed = os.sched_getaffinity(0)
    if len(allowed) < 2:
        pytest.skip("there is one core only")
    floats = (np.float32, ("N", 4))
    node = helper.make_node("Relu", ["x"], ["y"])
    onnx.save(graph([node], {"x": floats}, {"y": floats}, {}), tmp_path / "model.onnx")
    done = subprocess.run(
        [sys.executable, "-c", _ENGINES, str(tmp_path / "model.onnx")],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert set(done.stdout.splitlines()) == {str({min(allowed)})}

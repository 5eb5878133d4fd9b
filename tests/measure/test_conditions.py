from pathlib import Path

import pytest

from tradewind.measure import Watch

IDLE = 400
"""Ticks that pass in every core between two looks."""


def _tell(proc: Path, cores: list[tuple[int, int, int]], own: int, other: int) -> None:
    """Write what a kernel tells: of each core busy, idle and stolen ticks; of two processes."""
    lines = ["cpu 1 2 3 4 5 6 7 8 0 0"]
    for number, (busy, idle, stolen) in enumerate(cores):
        lines.append(f"cpu{number} {busy} 0 0 {idle} 0 0 0 {stolen} 0 0")
    (proc / "stat").write_text("\n".join([*lines, "intr 1", ""]))
    for name, ticks in (("self", own), ("77", other), ("78", 0)):
        (proc / name).mkdir(exist_ok=True)
        fields = ["S", *["0"] * 10, str(ticks), "0", *["0"] * 30]
        (proc / name / "stat").write_text(f"7 (a ) b) {' '.join(fields)}\n")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    folder = tmp_path / "proc"
    folder.mkdir()
    (folder / "loadavg").write_text("1.25 1.00 0.50 2/300 4711\n")
    (folder / "cpuinfo").write_text("flags : fpu hypervisor sse\ncpu MHz : 2500.5\n")
    return folder


def test_what_others_took_is_what_was_busy_and_not_ours(proc: Path, tmp_path: Path) -> None:
    _tell(proc, [(0, 0, 0), (0, 0, 0)], own=0, other=0)
    watch = Watch([0, 1], proc, tmp_path / "sys")
    _tell(proc, [(300, 100, 0), (200, 180, 20)], own=400, other=100)
    found = watch.conditions()
    assert found.others == pytest.approx(0.25)  # of 500 busy ticks 400 were ours; 400 passed
    assert found.stolen == pytest.approx(20 / 800)
    assert found.busy_processes == 1
    assert found.load_average == 1.25
    assert found.is_virtual
    assert found.is_busy  # for what was stolen
    assert (found.governor, found.turbo, found.mhz) == (None, None, (2500.5, 2500.5))


def test_only_the_cores_that_may_be_used_count(proc: Path, tmp_path: Path) -> None:
    _tell(proc, [(0, 0, 0), (0, 0, 0)], own=0, other=0)
    watch = Watch([0], proc, tmp_path / "sys")
    _tell(proc, [(200, 200, 0), (400, 0, 0)], own=200, other=400)
    found = watch.conditions()
    assert (found.cores, found.of_cores) == ((0,), 2)
    assert found.others == 0
    assert not found.is_busy


def test_clocks_and_turbo_are_noted_where_they_are_told(proc: Path, tmp_path: Path) -> None:
    _tell(proc, [(0, 0, 0)], own=0, other=0)
    cpu = tmp_path / "sys" / "devices" / "system" / "cpu"
    (cpu / "cpu0" / "cpufreq").mkdir(parents=True)
    (cpu / "cpufreq").mkdir()
    (cpu / "cpu0" / "cpufreq" / "scaling_governor").write_text("powersave\n")
    (cpu / "cpu0" / "cpufreq" / "scaling_cur_freq").write_text("1200000\n")
    (cpu / "cpufreq" / "boost").write_text("1\n")
    watch = Watch([0], proc, tmp_path / "sys")
    (cpu / "cpu0" / "cpufreq" / "scaling_cur_freq").write_text("3400000\n")
    found = watch.conditions()
    assert (found.governor, found.turbo, found.mhz) == ("powersave", True, (1200, 3400))


def test_a_system_that_tells_nothing_is_no_error(tmp_path: Path) -> None:
    found = Watch([0, 1], tmp_path / "no", tmp_path / "none").conditions()
    assert not found.is_busy
    assert found.mhz is None


def test_this_machine_can_be_watched() -> None:
    found = Watch().conditions()
    assert 1 <= len(found.cores) <= found.of_cores
    assert 0 <= found.others <= len(found.cores) + 1

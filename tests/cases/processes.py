"""Processes that a test starts by way of what it tests."""

import time
from pathlib import Path


def child_of(parent: int, marker: str, timeout_s: float = 90.0) -> int:
    """Wait until a process has a child with `marker` on its command line; return its id."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        for child in _children(parent):
            if marker in _command(child):
                return child
        time.sleep(0.005)
    raise AssertionError(f"process {parent} started nothing like {marker}")


def ends_within(process: int, timeout_s: float) -> bool:
    """Wait until a process has ended; say whether it did."""
    end = time.monotonic() + timeout_s
    while _is_alive(process):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def _is_alive(process: int) -> bool:
    """Say whether a process still runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    except OSError:
        return False
    return state.split()[0] != "Z"


def _children(parent: int) -> list[int]:
    found: list[int] = []
    for tasks in Path(f"/proc/{parent}/task").glob("*/children"):
        try:
            found += map(int, tasks.read_text(encoding="utf-8").split())
        except OSError:  # the thread ended meanwhile
            continue
    return found


def _command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""

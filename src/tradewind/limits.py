"""The cores and the memory that this process may use, which may be less than the machine has."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/")


def available_cores(root: Path = _ROOT) -> int:
    """Return how many cores this process may use: its affinity and the quota of its cgroups.

    A quota of part of a core counts as a whole one.

    Args:
        root: where `proc` and `sys` are.
    """
    quotas = [math.ceil(quota) for folder in _groups(root, "cpu") for quota in _quotas(folder)]
    return max(1, min([_allowed(), *quotas]))


def limited_cores() -> int:
    """Return the cores this process may use where they are fewer than the machine has, else 0.

    Libraries that count the machine's cores themselves start too many threads then.
    """
    available = available_cores()
    return available if available < (os.cpu_count() or 1) else 0


def total_memory(root: Path = _ROOT) -> int:
    """Return the bytes of memory that the machine has, or this process's cgroups allow.

    Args:
        root: where `proc` and `sys` are.
    """
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = [limit for folder in _groups(root, "memory") if (limit := _limit(folder)) is not None]
    return min([physical, *limits])


def free_memory(root: Path = _ROOT) -> int:
    """Return the bytes of memory that nobody uses, or that can be had back from caches.

    Args:
        root: where `proc` and `sys` are.
    """
    free = total_memory(root)
    for line in _text(root / "proc" / "meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            free = min(free, int(line.split()[1]) * 1024)
    for folder in _groups(root, "memory"):
        limit = _limit(folder)
        if limit is not None:
            free = min(free, max(limit - _used(folder), 0))
    return free


def _allowed() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's cgroups that limit something, and of all above them.

    See `cpu.max` and `memory.max` in the kernel's Control Group v2, and for v1 its CFS Bandwidth
    Control and Memory Resource Controller.
    """
    for line in _text(root / "proc" / "self" / "cgroup").splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        home = root / "sys" / "fs" / "cgroup"
        if controller in names.split(","):
            home /= controller
        elif number != "0":
            continue
        place = home / path.lstrip("/")
        yield place
        while place != home and home in place.parents:
            place = place.parent
            yield place


def _quotas(folder: Path) -> Iterator[float]:
    """Yield the cores that a group may use; "max" and -1 are no limit."""
    newer = _text(folder / "cpu.max").split()
    older = [_text(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
    for limit in (newer, older):
        if len(limit) == 2 and all(number.isdecimal() for number in limit) and int(limit[1]):
            yield int(limit[0]) / int(limit[1])


def _limit(folder: Path) -> int | None:
    """Return the bytes that a group may use; None where there is no limit."""
    return _number(folder / "memory.max") or _number(folder / "memory.limit_in_bytes")


def _used(folder: Path) -> int:
    """Return the bytes that a group uses, without files that need not stay in memory."""
    used = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes") or 0
    for line in _text(folder / "memory.stat").splitlines():
        name, _, size = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return used - int(size)
    return used


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""

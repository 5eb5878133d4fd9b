"""How many processor cores this process may use."""

import math
import os
from pathlib import Path

_ROOT = Path("/")


def available_cores(root: Path = _ROOT) -> int:
    """Return how many cores this process may use: its affinity and the quota of its cgroups.

    A quota of part of a core counts as a whole one.

    Args:
        root: where `proc` and `sys` are.
    """
    return max(1, min([_allowed(), *(math.ceil(quota) for quota in _quotas(root))]))


def limited_cores() -> int:
    """Return the cores this process may use where they are fewer than the machine has, else 0.

    Libraries that count the machine's cores themselves start too many threads then.
    """
    available = available_cores()
    return available if available < (os.cpu_count() or 1) else 0


def _allowed() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(root: Path) -> list[float]:
    """Return the quotas of this process's cgroups and of all above them, in cores.

    See `cpu.max` in the kernel's Control Group v2, `cpu.cfs_quota_us` in its CFS Bandwidth Control.
    """
    found = []
    for line in _text(root / "proc" / "self" / "cgroup").splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number == "0":
            home = root / "sys" / "fs" / "cgroup"
        elif "cpu" in names.split(","):
            home = root / "sys" / "fs" / "cgroup" / "cpu"
        else:
            continue
        place = home / path.lstrip("/")
        for folder in (place, *place.parents):
            if folder == home.parent:
                break
            found += _quota(folder)
    return found


def _quota(folder: Path) -> list[float]:
    newer = _text(folder / "cpu.max").split()
    older = [_text(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
    found = []
    for limit in (newer, older):
        if len(limit) == 2 and all(number.isdecimal() for number in limit) and int(limit[1]):
            found.append(int(limit[0]) / int(limit[1]))  # "max" and -1 are no limit
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""

"""The energy that the processors themselves say they have used, where they say it."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

_POWERCAP = Path("/sys/class/powercap")


@final
@dataclass
class _Domain:
    """One counter of RAPL, which begins anew when it is full."""

    folder: Path
    name: str
    range_uj: int
    last_uj: int
    joules: float = 0.0


class Rapl:
    """Joules of whole processors since the server started, all their programs included.

    A counter is full after an hour or so at full load: whoever asks less often misses rounds.

    Args:
        folder: where Linux shows the counters; most systems show them to root only.
    """

    def __init__(self, folder: Path = _POWERCAP) -> None:
        # intel-rapl:0 is a processor; intel-rapl:0:1, a part of it, is counted there already
        self._domains = [
            found
            for path in sorted(folder.glob("intel-rapl:*"))
            if path.name.count(":") == 1 and (found := _domain(path)) is not None
        ]

    def joules(self) -> dict[str, float]:
        """Return what each processor has used; empty where nothing may be read."""
        for domain in self._domains:
            now_uj = _number(domain.folder / "energy_uj")
            if now_uj is not None:
                used_uj = now_uj - domain.last_uj
                domain.joules += (used_uj + domain.range_uj * (used_uj < 0)) / 1e6
                domain.last_uj = now_uj
        return {domain.name: domain.joules for domain in self._domains}


def _domain(folder: Path) -> _Domain | None:
    now_uj, range_uj = _number(folder / "energy_uj"), _number(folder / "max_energy_range_uj")
    if now_uj is None or range_uj is None:
        return None
    return _Domain(folder, folder.name.partition(":")[2], range_uj, now_uj)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None

"""The energy that processors themselves say they have used, where they say it."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, final

POWERCAP = Path("/sys/class/powercap")


class Counter(Protocol):
    """Something that counts energy since it was made."""

    def joules(self) -> dict[str, float]:
        """Return what each of its parts has used; empty where nothing may be read."""


@final
@dataclass
class _Domain:
    """One counter of RAPL, which begins anew when it is full."""

    folder: Path
    name: str
    range_uj: int
    last_uj: int
    joules: float = 0.0


@final
class Rapl:
    """Joules of whole processors since the counter was made, all their programs included.

    A counter is full after an hour or so at full load: whoever asks less often misses rounds.

    Args:
        folder: where Linux shows the counters; most systems show them to root only.
        with_memory: whether the memory is counted, too, where it has a counter.
    """

    def __init__(self, folder: Path = POWERCAP, *, with_memory: bool = False) -> None:
        # intel-rapl:0 is a processor; intel-rapl:0:1, a part of it, is counted there already,
        # but for the memory; the whole board, called psys, holds its processors
        tops = [path for path in sorted(folder.glob("intel-rapl:*")) if path.name.count(":") == 1]
        processors = [path for path in tops if _name(path) != "psys"]
        paths = {path.name.partition(":")[2]: path for path in processors or tops}
        if with_memory and processors:
            paths |= {
                f"{path.name.split(':')[1]} memory": path
                for path in sorted(folder.glob("intel-rapl:*:*"))
                if _name(path) == "dram"
            }
        self._domains = [
            found for name, path in paths.items() if (found := _domain(path, name)) is not None
        ]

    def joules(self) -> dict[str, float]:
        for domain in self._domains:
            now_uj = _number(domain.folder / "energy_uj")
            if now_uj is not None:
                used_uj = now_uj - domain.last_uj
                domain.joules += (used_uj + domain.range_uj * (used_uj < 0)) / 1e6
                domain.last_uj = now_uj
        return {domain.name: domain.joules for domain in self._domains}


def _domain(folder: Path, name: str) -> _Domain | None:
    now_uj, range_uj = _number(folder / "energy_uj"), _number(folder / "max_energy_range_uj")
    if now_uj is None or range_uj is None:
        return None
    return _Domain(folder, name, range_uj, now_uj)


def _name(folder: Path) -> str:
    try:
        return (folder / "name").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


@final
class Nvml:
    """Joules of whole NVIDIA GPUs since the counter was made; Volta and newer count them.

    Args:
        library: the module `pynvml`; None where it is not installed.
    """

    def __init__(self, library: Any) -> None:
        self._library = library
        self._began: dict[str, tuple[Any, float]] = {}
        if library is None:
            return
        try:
            library.nvmlInit()
            for number in range(library.nvmlDeviceGetCount()):
                device = library.nvmlDeviceGetHandleByIndex(number)
                self._began[f"GPU {number}"] = (device, self._used(device))
        except library.NVMLError:  # no driver, or a GPU that does not count
            self._began = {}

    def _used(self, device: Any) -> float:
        return float(self._library.nvmlDeviceGetTotalEnergyConsumption(device)) / 1e3

    def joules(self) -> dict[str, float]:
        try:
            return {name: self._used(device) - was for name, (device, was) in self._began.items()}
        except self._library.NVMLError:  # it was there a moment ago
            self._began = {}
            return {}


def pynvml() -> Any:
    """Return the module that reads NVIDIA's counters; None where it is not installed."""
    try:
        return importlib.import_module("pynvml")
    except ImportError:
        return None

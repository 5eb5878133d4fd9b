"""The power of one busy core, where no counter can be read: a range, and no measurement."""

import csv
import re
from dataclasses import dataclass
from importlib import resources

from tradewind.measure.interval import Bounds

SPREAD = 2.0
"""A core draws half its share of the design power where instructions are light or two threads
share it, and twice that where it runs alone at a high clock, with the rest of the chip awake."""


@dataclass(frozen=True)
class Power:
    """Watts of one busy core, with what they were taken from."""

    watts: Bounds
    source: str


def power_of(cpu: str) -> Power:
    """Return the power of a core of this processor.

    It is its thermal design power divided by its cores, give or take a factor of `SPREAD`. For a
    processor whose name says less, as in many virtual machines, it is the median of all known
    ones of its make, with the range of all of them.

    Args:
        cpu: as the system calls it, such as "AMD EPYC 7763 64-Core Processor".
    """
    known, words = _processors(), f" {_normal(cpu)} "
    for name in sorted(known, key=len, reverse=True):
        if f" {_normal(name)} " in words:
            watts, cores = known[name]
            share = watts / cores
            bounds = Bounds(share, share / SPREAD, share * SPREAD)
            return Power(bounds, f"{name}: {watts:g} W by design, {cores} cores")
    make = next((make for make in _MAKES if f" {make.lower()} " in words), "")
    shares = sorted(w / c for name, (w, c) in known.items() if not make or make in name.split())
    median = shares[len(shares) // 2]
    what = f"{len(shares)} processors of the make {make}" if make else f"{len(shares)} processors"
    bounds = Bounds(median, shares[0] / SPREAD, shares[-1] * SPREAD)
    return Power(bounds, f"this one is not known; the median of {what}")


_MAKES = ("EPYC", "Xeon", "Ryzen", "Core")


def _normal(name: str) -> str:
    plain = re.sub(r"\((r|tm)\)|\bcpu\b", " ", name.lower())
    return " ".join(re.sub(r"[^a-z0-9+.\-]", " ", plain.replace("-core", " cores")).split())


def _processors() -> dict[str, tuple[float, int]]:
    """Return design watts and cores by name."""
    return {row["name"]: (float(row["watts"]), int(row["cores"])) for row in _rows()}


def _rows() -> list[dict[str, str]]:
    text = (resources.files(__package__) / "processors.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))

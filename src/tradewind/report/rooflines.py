"""How far variants are from the machine's limit, taken from a manifest."""

from dataclasses import dataclass

from tradewind.bundle import Manifest
from tradewind.measure.roofline import GroupLoad, Peaks, Roofline, Standings
from tradewind.report import numbers
from tradewind.report.roofline_chart import Place, Roof
from tradewind.report.standing import Role, in_order, role


@dataclass(frozen=True)
class Line:
    """One row of the table: a variant, or one group of its layers.

    Args:
        name: of the variant or group.
        role: of the variant.
        is_whole: whether the row is about the variant.
        cells: multiplications, bytes, limit, time and share, in words.
    """

    name: str
    role: Role
    is_whole: bool
    cells: tuple[str, ...]


HEADINGS = (
    ("Multiply-adds", "million"),
    ("Moved", "kB"),
    ("Computed in", ""),
    ("Limit", "µs"),
    ("Fastest", "µs"),
    ("Of the limit", ""),
)


def lines(manifest: Manifest) -> list[Line]:
    """Return every variant that was compared; the original and the chosen one with their groups."""
    found: list[Line] = []
    for name, part, one in _compared(manifest):
        whole = (
            _million(sum(load.macs for load in one.groups)),
            _kilo(sum(load.bytes_moved for load in one.groups)),
            "",
            *_times(one.limit_ms, one.measured_ms, one.share),
        )
        found.append(Line(name, part, is_whole=True, cells=whole))
        if part in ("original", "chosen"):
            found += [Line(load.group.value, part, False, _cells(load)) for load in one.groups]
    return found


def places(manifest: Manifest) -> list[Place]:
    """Return the layers of the chosen variant and the original that multiply."""
    found = [
        place
        for name, part, one in _compared(manifest)
        if part in ("original", "chosen")
        for load in one.groups
        if (place := _place(name, part, load)) is not None
    ]
    return sorted(found, key=lambda place: place.role != "chosen")


def roofs(manifest: Manifest) -> list[Roof]:
    """Return the limits of the machine that the picture needs."""
    if manifest.roofline is None:
        return []
    peaks, shown = manifest.roofline.peaks, _arithmetics(manifest)
    rates = [
        Roof(name, peaks.macs_per_s[name].best, is_bandwidth=False)
        for name in peaks.macs_per_s
        if name in shown
    ]
    bandwidths = [
        Roof("cache", peaks.cache.best, is_bandwidth=True),
        Roof("memory", peaks.memory.best, is_bandwidth=True),
    ]
    found = [roof for roof in (*rates, *bandwidths) if _is_positive(roof.per_s)]
    whole = any(not one.is_bandwidth for one in found) and any(one.is_bandwidth for one in found)
    return found if whole else []


def summary(manifest: Manifest) -> str:
    """Say how near the chosen variant is to the limit; empty when that was not measured."""
    known = {name: one for name, _, one in _compared(manifest)}
    chosen, original = (known.get(one.variant) for one in (manifest.chosen, manifest.baseline))
    if chosen is None or not _is_positive(chosen.share):
        return ""
    text = f"{manifest.chosen.variant} answers at {_percent(chosen.share)} of this machine's limit"
    is_new = manifest.chosen.variant != manifest.baseline.variant
    if is_new and original is not None and _is_positive(original.share):
        text += f", the original at {_percent(original.share)} of its own"
    return f"{text}."


def basis(peaks: Peaks) -> str:
    """Say what the machine's peaks are, the best and the median of what was measured."""
    rates = [
        f"{numbers.significant(rate.best / 1e9)} billion multiply-adds per second in {name} "
        f"(median {numbers.significant(rate.median / 1e9)})"
        for name, rate in peaks.macs_per_s.items()
    ]
    bandwidths = [
        f"{numbers.significant(rate.best / 1e9)} GB/s from {name} "
        f"(median {numbers.significant(rate.median / 1e9)})"
        for name, rate in (("the caches", peaks.cache), ("memory", peaks.memory))
    ]
    return f"{', '.join(rates)}; {' and '.join(bandwidths)}"


def _compared(manifest: Manifest) -> list[tuple[str, Role, Roofline]]:
    found: Standings | None = manifest.roofline
    if found is None:
        return []
    return [
        (one.variant, role(one, manifest), found.variants[one.variant])
        for one in in_order(manifest)
        if one.variant in found.variants
    ]


def _arithmetics(manifest: Manifest) -> set[str]:
    return {
        load.arithmetic
        for _, part, one in _compared(manifest)
        if part in ("original", "chosen")
        for load in one.groups
        if load.macs
    }


def _place(name: str, part: Role, load: GroupLoad) -> Place | None:
    took_s = (load.measured_ms or 0.0) / 1e3
    if not (load.macs > 0 and load.bytes_moved > 0 and _is_positive(took_s)):
        return None
    rate = load.macs / took_s
    tip = (
        f"{name}, {load.group.value}: {numbers.significant(rate / 1e9)} billion multiply-adds per "
        f"second, {_percent(load.share)} of the limit"
    )
    return Place(load.group.value, part, load.macs / load.bytes_moved, rate, tip)


def _cells(load: GroupLoad) -> tuple[str, ...]:
    return (
        _million(load.macs),
        _kilo(load.bytes_moved),
        load.arithmetic if load.macs else "",
        *_times(load.limit_ms, load.measured_ms, load.share if load.limit_ms else None),
    )


def _times(limit_ms: float, took_ms: float | None, share: float | None) -> tuple[str, ...]:
    return (
        _micro(limit_ms) if limit_ms else "",
        "" if took_ms is None else _micro(took_ms),
        _percent(share),
    )


def _million(value: float) -> str:
    return numbers.significant(value / 1e6) if value else ""


def _kilo(value: float) -> str:
    return numbers.significant(value / 1e3) if value else ""


def _micro(value_ms: float) -> str:
    return numbers.significant(value_ms * 1e3)


def _percent(share: float | None) -> str:
    if share is None or not numbers.is_known(share):
        return ""
    return f"{share:.0%}" if share >= 0.005 else "less than 1%"


def _is_positive(value: float | None) -> bool:
    return value is not None and numbers.is_known(value) and value > 0

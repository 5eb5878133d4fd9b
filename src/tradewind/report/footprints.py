"""Energy, carbon and money of a million predictions, with how they were found out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from tradewind.bundle import Manifest, VariantRecord
from tradewind.measure import Bounds, Footprint, Prices, Rates
from tradewind.report import numbers
from tradewind.report.folding import folded, room_beside


@dataclass(frozen=True)
class Kind:
    """One of the things that a million predictions take.

    Args:
        title: what it is called.
        unit: behind the number; empty for money, whose currency nobody told.
        bounds: the value with its range; None where it is not known.
    """

    title: str
    unit: str
    bounds: Callable[[Footprint], Bounds | None]


ENERGY = Kind("energy", "Wh", lambda one: one.energy_wh)
CARBON = Kind("carbon", "g", lambda one: one.carbon_g)
CORES = Kind("core time", "core h", lambda one: _exact(one.core_hours))
MONEY = Kind("cost", "", lambda one: None if one.money is None else _exact(one.money))


def _exact(value: float) -> Bounds:
    return Bounds(value, value, value)


def is_wanted(manifest: Manifest) -> bool:
    """Say whether any of it was asked for: by the objective, the region or the price."""
    found = manifest.rates
    if found is None or all(one.footprint is None for one in manifest.variants):
        return False
    return manifest.budget.objective in ("energy", "carbon", "cost") or found.prices != Prices()


def table(manifest: Manifest, records: Sequence[VariantRecord], found: Rates, width: int) -> Table:
    """Return what a million predictions of some variants take, as the terminal shows it."""
    priced = found.prices.price_per_core_hour is not None
    kinds = [ENERGY, CARBON, CORES, *([MONEY] if priced else [])]
    shown = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    shown.add_column(Text("a million\npredictions"), no_wrap=True, overflow="fold")
    for kind in kinds:
        shown.add_column(Text(kind.title), justify="right", overflow="fold")
    cells = [[_cell(record, kind) for kind in kinds] for record in records]
    room = room_beside(zip([kind.title for kind in kinds], *cells, strict=True), 2, width)
    for record, values in zip(records, cells, strict=True):
        is_chosen = record.variant == manifest.chosen.variant
        shown.add_row(
            Text(folded(record.variant, room, is_chosen=is_chosen)),
            *map(Text, values),
            style="bold green" if is_chosen else "",
        )
    return shown


def _cell(record: VariantRecord, kind: Kind) -> str:
    value = value_of(record, kind)
    if value is None:
        return "-"
    text = f"{numbers.significant(value)} {kind.unit}".strip()
    return "\n".join([text, *range_of(record, kind).split(", ")]).strip()


def value_of(record: VariantRecord, kind: Kind) -> float | None:
    """Return what a million predictions of a variant take."""
    bounds = None if record.footprint is None else kind.bounds(record.footprint)
    return None if bounds is None else bounds.value


def range_of(record: VariantRecord, kind: Kind) -> str:
    """Return the range of that, with the word for an estimate; empty where there is none."""
    bounds = None if record.footprint is None else kind.bounds(record.footprint)
    if bounds is None or record.footprint is None or bounds.low == bounds.high:
        return ""
    text = f"{numbers.significant(bounds.low)} to {numbers.significant(bounds.high)}"
    return f"{text}, estimated" if record.footprint.is_estimated else text


def basis(found: Rates) -> str:
    """Say what energy and carbon were worked out from."""
    watts = found.watts_per_core
    if found.is_estimated:
        ends = f", {numbers.significant(watts.low)} to {numbers.significant(watts.high)}"
        text = (
            f"estimated, not measured: processor time, times {numbers.significant(watts.value)} W"
            f" for a busy core{ends if watts.low < watts.high else ''} ({found.watts_source})"
        )
    else:
        idle = found.idle_watts
        text = f"measured by the counters of {', '.join(found.counters)}, other programs included"
        if idle is not None:
            text += f"; {numbers.significant(idle)} W of it are drawn at rest"
    return (
        f"{text}. Carbon at {found.carbon_g_per_kwh:g} g/kWh: {found.region}, "
        f"{found.carbon_source}. Cooling and power supplies are not in it"
    )

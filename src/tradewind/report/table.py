"""The table of all variants, in the cells that the page shows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tradewind.bundle import Manifest, VariantRecord
from tradewind.measure import Ratio
from tradewind.report import footprints, numbers, sentences
from tradewind.report.standing import Role, in_order, role


@dataclass(frozen=True)
class Cell:
    """One value with what belongs to it.

    Args:
        text: the value, or that it was not measured.
        detail: its interval or condition.
        span: how many columns it stands for.
        is_known: whether it was measured.
    """

    text: str
    detail: str = ""
    span: int = 1
    is_known: bool = True


@dataclass(frozen=True)
class Heading:
    """The name of a column with its unit."""

    title: str
    unit: str = ""


@dataclass(frozen=True)
class Row:
    """One variant."""

    name: str
    description: str
    role: Role
    verdict: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class _Column:
    """Numbers with one unit, all rounded to the same decimals.

    Args:
        heading: its name and unit.
        value: what was measured.
        detail: what belongs to it.
        decimals: how many to show; None shows three digits of the least value.
        of_original: the value of the original where it is one by definition.
    """

    heading: Heading
    value: Callable[[VariantRecord], float | None]
    detail: Callable[[VariantRecord], str] = lambda record: ""
    decimals: int | None = None
    of_original: float | None = None


_COLUMNS = (
    _Column(Heading("p50", "ms"), lambda one: one.latency_ms.p50 if one.latency_ms else None),
    _Column(Heading("p99", "ms"), lambda one: one.latency_ms.p99 if one.latency_ms else None),
    _Column(
        Heading("Speed-up", "times"),
        lambda one: _ratio(one.speedup),
        lambda one: numbers.interval(one.speedup),
        decimals=2,
        of_original=1.0,
    ),
    _Column(
        Heading("Throughput", "results/s"),
        lambda one: one.throughput_per_s,
        lambda one: f"batch {one.batch_size:,}" if one.batch_size else "",
    ),
    _Column(
        Heading("Gain", "times"),
        lambda one: _ratio(one.throughput_gain),
        lambda one: numbers.interval(one.throughput_gain),
        decimals=2,
        of_original=1.0,
    ),
    _Column(Heading("CPU time", "ms/result"), lambda one: one.cpu_ms_per_example),
    _Column(
        Heading("Memory", "MB"),
        lambda one: _scaled(one.peak_memory_bytes, 1e-6),
        lambda one: _steady(one),
        decimals=0,
    ),
    _Column(Heading("Size", "MB"), lambda one: one.size_bytes * 1e-6),
    _Column(Heading("Wrong", "%"), lambda one: _scaled(one.loss, 100), decimals=2),
    _Column(
        Heading("Drop", "%"),
        lambda one: _scaled(one.drop.estimate if one.drop else one.select_drop, 100),
        lambda one: "" if one.drop is None else f"at most {numbers.at_most(one.drop.upper)}",
        decimals=2,
        of_original=0.0,
    ),
)


def headings(manifest: Manifest) -> list[Heading]:
    """Return the columns between the variant's name and its verdict."""
    return [column.heading for column in _columns(manifest)]


def _columns(manifest: Manifest) -> tuple[_Column, ...]:
    """Return the columns, with what a million predictions take where that is known."""
    taking = [
        kind
        for kind in (footprints.ENERGY, footprints.CARBON, footprints.MONEY)
        if any(footprints.value_of(one, kind) is not None for one in manifest.variants)
    ]
    return (*_COLUMNS, *map(_footprint, taking))


def _footprint(kind: footprints.Kind) -> _Column:
    unit = f"{kind.unit} a million".strip()
    return _Column(
        Heading(sentences.sentence(kind.title), unit),
        lambda one: footprints.value_of(one, kind),
        lambda one: footprints.range_of(one, kind),
    )


def rows(manifest: Manifest) -> list[Row]:
    """Return every variant once, the most important first."""
    records = in_order(manifest)
    columns = [_cells(column, records) for column in _columns(manifest)]
    return [
        Row(
            record.variant,
            _described(record),
            role(record, manifest),
            sentences.verdict(record, manifest),
            tuple(_merged([column[place] for column in columns])),
        )
        for place, record in enumerate(records)
    ]


def _described(record: VariantRecord) -> str:
    if record.escalated is None:
        return record.description
    return f"{record.description}; {numbers.share(record.escalated)} of examples passed on"


def _cells(column: _Column, records: Sequence[VariantRecord]) -> list[Cell]:
    """Return one cell for each record, the original first."""
    values = [column.value(record) for record in records]
    if column.of_original is not None:
        values[0] = column.of_original
    decimals = column.decimals
    if decimals is None:
        decimals = _decimals([abs(value) for value in values if value and numbers.is_known(value)])
    return [
        Cell(f"{value + 0.0:,.{decimals}f}", column.detail(record))
        if value is not None and numbers.is_known(value)
        else Cell(numbers.UNKNOWN, is_known=False)
        for value, record in zip(values, records, strict=True)
    ]


def _decimals(values: Sequence[float]) -> int:
    """Return how many decimals show three digits of the least value, 3 at most."""
    least = min(values, default=100.0)
    return next((count for count in range(3) if least * 10**count >= 100), 2 if least >= 0.1 else 3)


def _merged(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells with neighbours that were not measured as one."""
    found: list[Cell] = []
    for cell in cells:
        if found and not cell.is_known and not found[-1].is_known:
            found[-1] = Cell(numbers.UNKNOWN, span=found[-1].span + 1, is_known=False)
        else:
            found.append(cell)
    return found


def _steady(record: VariantRecord) -> str:
    found = record.steady_memory_bytes
    return "" if found is None else f"then {found / 1e6:,.0f}"


def _ratio(found: Ratio | None) -> float | None:
    return None if found is None else found.ratio


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor

"""What `tradewind optimize` says at its end."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from textwrap import wrap
from typing import final

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from tradewind.bundle import REPORT, Manifest, VariantRecord
from tradewind.report import circumstances, figures_told, footprints, numbers, sentences, spread
from tradewind.report.folding import folded, room_beside
from tradewind.report.numbers import UNKNOWN
from tradewind.report.standing import finalists, in_order
from tradewind.report.telling import is_untried, telling

MAX_ROWS = 8
_INDENT = 10  # of what is said, behind its subject
_MAX_WIDTH = 110  # of lines of prose, beyond which they are tiring to read
_NOTHING = "-"
_BY_CPU_TIME = ("energy", "carbon", "cost")


def summary(manifest: Manifest, bundle: str) -> RenderableType:
    """Return what was promised, chosen and shown, in sentences around one table.

    Args:
        manifest: what the search found.
        bundle: the path that it was written to.
    """
    return _Summary(manifest, bundle)


@final
@dataclass(frozen=True)
class _Summary:
    """Fits itself to the width of the console that it is printed on."""

    manifest: Manifest
    bundle: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        manifest, width = self.manifest, options.max_width
        records = finalists(in_order(manifest))
        chosen = f"{sentences.answer(manifest)} {sentences.cut_short(manifest)}".strip()
        yield _said("Promised", sentences.promise(manifest.budget), width)
        yield _said("Chosen", chosen, width)
        if together := sentences.teamwork(manifest.chosen):
            yield _said("Cascade", together, width)
        yield _said("Evidence", sentences.support(manifest), width)
        yield ""
        yield _table(manifest, records[:MAX_ROWS], width)
        if len(records) > MAX_ROWS:
            yield Text(f"  and {len(records) - MAX_ROWS:,} more in the report", style="dim")
        yield ""
        if manifest.rates is not None and footprints.is_wanted(manifest):
            yield footprints.table(manifest, records[:MAX_ROWS], manifest.rates, width)
            yield ""
            yield _said("Energy", f"{sentences.sentence(footprints.basis(manifest.rates))}.", width)
        for fact in figures_told.told(manifest):
            yield _said("Reported", f"{fact.name} {fact.value}: {fact.detail}.", width)
        if found := circumstances.warning(manifest.conditions):
            yield _said("Busy", found, width)
        if others := spread.kept(manifest):
            yield _said("Kept", others, width)
        yield from _refused(manifest, width)
        yield _said("Report", str(PurePath(self.bundle) / REPORT), width)
        yield _said("Next", shlex.join(["tradewind", "serve", self.bundle]), width)


def _said(subject: str, text: str, width: int) -> Text:
    lines = _wrapped(text, width - _INDENT)
    body = f"\n{' ' * _INDENT}".join(lines)
    return Text.assemble((f"{subject:<{_INDENT}}", "bold"), body)


def _wrapped(text: str, width: int) -> list[str]:
    room = max(20, min(width, _MAX_WIDTH))
    return wrap(text, room, break_on_hyphens=False, break_long_words=False)


def _refused(manifest: Manifest, width: int) -> Iterator[Text]:
    untried = {one.variant for one in manifest.refused if is_untried(one)}
    judged = {one.variant for one in manifest.refused} - untried
    if judged:
        few = telling([one for one in manifest.refused if one.variant in judged])
        among = "" if len(few) == len(judged) else ", among them"
        yield _said("Refused", f"{_variants(len(judged))}{among}:", width)
        for refusal in few:
            lines = _wrapped(f"{refusal.variant}: {refusal.why}", width - _INDENT - 2)
            yield Text(" " * _INDENT + "- " + f"\n{' ' * (_INDENT + 2)}".join(lines))
    if untried:
        yield _said("Not tried", f"{_variants(len(untried))}; the report says why.", width)


def _variants(count: int) -> str:
    return "1 variant" if count == 1 else f"{count:,} variants"


def _table(manifest: Manifest, records: Sequence[VariantRecord], width: int) -> Table:
    has_cascade = any(record.stages for record in records)
    titles = [*_titles(manifest), *(["passed\non"] if has_cascade else [])]
    cells = [
        [*_cells(manifest, record), *([_passed_on(record)] if has_cascade else [])]
        for record in records
    ]
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    table.add_column(Text("variant\n"), no_wrap=True, overflow="fold")
    for title in titles:
        table.add_column(Text(title), justify="right", overflow="fold")
    room = room_beside(zip(titles, *cells, strict=True), 1, width)
    for record, row in zip(records, cells, strict=True):
        is_chosen = record.variant == manifest.chosen.variant
        table.add_row(
            Text(folded(record.variant, room, is_chosen=is_chosen)),
            *[Text(cell) for cell in row],
            style="bold green" if is_chosen else "",
        )
    return table


def _titles(manifest: Manifest) -> list[str]:
    objective = manifest.budget.objective
    gain = "gain in rate" if objective == "throughput" else "speed-up"
    work = "CPU time\na result" if objective in _BY_CPU_TIME else "results\n"
    return [
        "latency\n(p99)",
        f"{gain}\n95% interval",
        work,
        "drop\n(at most)",
        "size\n(memory)",
        "certified\n",
    ]


def _cells(manifest: Manifest, record: VariantRecord) -> list[str]:
    objective, latency = manifest.budget.objective, record.latency_ms
    gain = record.throughput_gain if objective == "throughput" else record.speedup
    if objective in _BY_CPU_TIME:
        work = numbers.milliseconds(record.cpu_ms_per_example)
    else:
        work = numbers.rate(record.throughput_per_s)
    is_original = record.variant == manifest.baseline.variant
    drop = record.drop.estimate if record.drop else record.select_drop
    upper = numbers.at_most(record.drop.upper) if record.drop else UNKNOWN
    p50, p99 = (latency.p50, latency.p99) if latency else (None, None)
    return [
        _pair(numbers.milliseconds(p50), f"({numbers.milliseconds(p99)})"),
        "1" if is_original else _pair(numbers.times(gain), numbers.interval(gain)),
        _pair(work),
        "0%" if is_original else _pair(numbers.share(drop), f"({upper})"),
        _pair(numbers.size(record.size_bytes), f"({numbers.size(record.peak_memory_bytes)})"),
        _certified(manifest, record),
    ]


def _passed_on(record: VariantRecord) -> str:
    """Return the share of examples that went on to a further stage."""
    return _pair(numbers.share(record.escalated)) if record.stages else ""


def _pair(value: str, detail: str = "") -> str:
    if value == UNKNOWN:
        return _NOTHING
    return value if not detail or UNKNOWN in detail else f"{value}\n{detail}"


def _certified(manifest: Manifest, record: VariantRecord) -> str:
    words = {"certified": "yes", "not certified": "no", "the original": _NOTHING}
    verdict = sentences.verdict(record, manifest)
    return words.get(verdict, verdict.replace(" ", "\n"))

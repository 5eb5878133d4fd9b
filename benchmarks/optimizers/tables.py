"""What came out, as Markdown, with the means over the suite."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import final

from benchmarks.optimizers.peers import PEERS
from benchmarks.optimizers.prepared import MAX_DROP, OBJECTIVES, Objective
from benchmarks.optimizers.records import OURS, Entry, Measured, Record

from tradewind.measure import Ratio

Admits = Callable[[Entry], bool]
"""Says whether an optimizer counts on a model."""

TITLES = {peer.name: peer.title for peer in PEERS} | {OURS: "**Tradewind**"}


def shown(entry: Entry) -> bool:
    """Admit what is certified to stay within the budget."""
    return entry.is_within


def observed(entry: Entry) -> bool:
    """Admit what lost no more than the budget on the certify split, shown or not."""
    return entry.kept(MAX_DROP)


def measured(entry: Entry, objective: Objective) -> Measured | None:
    """Return what was measured in one respect."""
    return entry.latency if objective == "latency" else entry.throughput


def gain(entry: Entry, objective: Objective) -> float:
    """Return how many times better than the baseline it is; 0 where nothing was measured."""
    found = measured(entry, objective)
    return 0.0 if found is None else found.gain.ratio


def geometric_mean(values: Iterable[float]) -> float:
    """Return exp(mean(log(values))); 1 of nothing."""
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs)) if logs else 1.0


def best_other(record: Record, objective: Objective, admits: Admits) -> Entry | None:
    """Return the other optimizer that is best on a model, among those that are admitted."""
    admitted = [one for one in record.others if admits(one) and measured(one, objective)]
    return max(admitted, key=lambda one: gain(one, objective), default=None)


def gain_over_suite(
    records: Sequence[Record], name: str, objective: Objective, admits: Admits
) -> float:
    """Return the geometric mean of one optimizer's gains.

    Where it is not admitted, or was not asked, its user runs the original, which gains nothing.
    """
    found = []
    for record in records:
        entry = next((one for one in record.entries if one.name == name), None)
        value = gain(entry, objective) if entry is not None and admits(entry) else 0.0
        found.append(value or 1.0)
    return geometric_mean(found)


@final
@dataclass(frozen=True)
class Standing:
    """Tradewind against all others over the suite, in one respect.

    Args:
        ours: the geometric mean of its gains.
        single: the best other optimizer over the whole suite.
        single_gain: the geometric mean of that one's gains.
        against_best: the geometric mean of the ratios to the best other one on each model.
        behind: models on which another one is better beyond the noise.
    """

    ours: float
    single: str
    single_gain: float
    against_best: float
    behind: tuple[str, ...]


def standing(records: Sequence[Record], objective: Objective, admits: Admits) -> Standing:
    """Return how Tradewind stands."""
    names = list(dict.fromkeys(one.name for record in records for one in record.others))
    gains = {name: gain_over_suite(records, name, objective, admits) for name in names}
    single = max(gains, key=lambda name: gains[name])
    ratios, behind = [], []
    for record in records:
        best = best_other(record, objective, admits)
        found = None if best is None else measured(best, objective)
        if found is None or found.ours is None:
            continue
        ratios.append(found.ours.ratio)
        if found.ours.high < 1.0:
            behind.append(record.title)
    return Standing(
        gain_over_suite(records, OURS, objective, shown),
        single,
        gains[single],
        geometric_mean(ratios),
        tuple(behind),
    )


def page(records: Sequence[Record]) -> str:
    """Return everything that came out."""
    if not records:
        return "Nothing was measured.\n"
    first = records[0]
    parts = [
        f"{first.machine}; two searches of {first.search_s:g} s for each model, {first.rounds} "
        f"rounds of timing; load of the machine before {min(r.load for r in records):.1f} to "
        f"{max(r.load for r in records):.1f}.",
        *(_summary(records, objective) for objective in OBJECTIVES),
        *(_models(records, objective) for objective in OBJECTIVES),
        _means(records),
        *(_details(record) for record in records),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(records: Sequence[Record], objective: Objective) -> str:
    lines = [f"**{_NAMES[objective]}**, geometric means over {len(records)} models:"]
    for admits, what in ((shown, "certified"), (observed, "observed")):
        found = standing(records, objective, admits)
        behind = ", ".join(found.behind) or "none"
        lines.append(
            f"- against what is {what} to stay within the budget: Tradewind {found.ours:.2f} times "
            f"the baseline, the best single other ({TITLES[found.single]}) "
            f"{found.single_gain:.2f} times, a ratio of {found.ours / found.single_gain:.2f}; "
            f"against the best other on each model {found.against_best:.2f} times; "
            f"behind it beyond the noise on: {behind}"
        )
    return "\n".join([lines[0], "", *lines[1:]])


def _models(records: Sequence[Record], objective: Objective) -> str:
    rows = []
    for record in records:
        best = best_other(record, objective, shown)
        found = None if best is None else measured(best, objective)
        ours = measured(record.ours, objective)
        quicker = [
            f"{TITLES[one.name]} {gain(one, objective):.2f}"
            for one in record.others
            if not one.is_within and gain(one, objective) > gain(record.ours, objective)
        ]
        rows.append(
            [
                record.title,
                _value(measured(record.entries[0], objective), objective),
                "failed" if ours is None else _ratio(ours.gain),
                "-"
                if best is None or found is None
                else f"{TITLES[best.name]} {_ratio(found.gain)}",
                "-" if found is None or found.ours is None else _ratio(found.ours),
                ", ".join(quicker) or "-",
            ]
        )
    unit = "ms" if objective == "latency" else "examples/s"
    head = ["model", f"ONNX Runtime fp32, {unit}", "Tradewind, times", "best other within 1%"]
    return _table(
        _NAMES[objective],
        [*head, "Tradewind against it", "faster, but not within 1%"],
        rows,
    )


def _means(records: Sequence[Record]) -> str:
    names = list(dict.fromkeys(one.name for record in records for one in record.entries))
    rows = []
    for name in names:
        entries = [one for record in records for one in record.entries if one.name == name]
        rows.append(
            [
                TITLES[name],
                *(
                    f"{gain_over_suite(records, name, objective, shown):.2f}"
                    for objective in OBJECTIVES
                ),
                f"{sum(one.is_within for one in entries)} of {len(records)}",
                f"{sum(one.verdict is None for one in entries)}",
                f"{sum(one.took_s for one in entries):,.0f}",
            ]
        )
    head = ["optimizer", "latency, times", "throughput, times", "within 1%, certified", "failed"]
    return _table("Over the suite", [*head, "seconds to make all"], rows)


def _details(record: Record) -> str:
    rows = []
    for entry in record.entries:
        if entry.verdict is None:
            rows.append([TITLES[entry.name], entry.why.replace("|", "/"), "", "", ""])
            continue
        verdict = entry.verdict
        rows.append(
            [
                TITLES[entry.name],
                f"{verdict.drop:.2%} ({verdict.drop_upper:.2%})",
                "yes" if verdict.certified else "no",
                _run(entry.latency),
                _run(entry.throughput),
            ]
        )
    head = ["optimizer", "lost (at most)", "within 1%", "latency, times", "throughput, times"]
    return _table(f"{record.title}: {record.data}, {record.metric}", head, rows)


_NAMES: dict[Objective, str] = {"latency": "Latency of one request", "throughput": "Throughput"}


def _run(found: Measured | None) -> str:
    return "-" if found is None else f"{_ratio(found.gain)}; {found.setting}"


def _value(found: Measured | None, objective: Objective) -> str:
    if found is None:
        return "-"
    return f"{found.value:.3g}" if objective == "latency" else f"{found.value:,.0f}"


def _ratio(found: Ratio) -> str:
    return f"{found.ratio:.2f} ({found.low:.2f} to {found.high:.2f})"


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join([f"### {title}", "", *(f"| {' | '.join(line)} |" for line in lines)])

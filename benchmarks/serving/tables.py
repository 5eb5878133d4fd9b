"""What was measured, as Markdown."""

from collections.abc import Mapping, Sequence

from benchmarks.serving.records import Closed, Failure, Open, Range, Start


def closed_table(found: Sequence[Closed], titles: Mapping[str, str]) -> str:
    """Return a row for each server, model, form and number of connections."""
    rows = []
    for key in dict.fromkeys(sorted((c.model, c.wire, c.loop.connections) for c in found)):
        for name, title in titles.items():
            turns = [
                c for c in found if (c.model, c.wire, c.loop.connections) == key and c.peer == name
            ]
            if not turns:
                continue
            rate = Range.of(turn.loop.per_s for turn in turns)
            rows.append(
                [
                    *map(str, key),
                    title,
                    f"{rate.median:,.0f} ({rate.low:,.0f} to {rate.high:,.0f})",
                    _ms(Range.of(turn.loop.p50_ms for turn in turns).median),
                    _ms(Range.of(turn.loop.p99_ms for turn in turns).median),
                    _ms(Range.of(turn.cpu_ms for turn in turns).median),
                    _mb(Range.of(turn.pss_bytes for turn in turns).median),
                    f"{sum(turn.loop.refused + turn.loop.lost for turn in turns):,}",
                ]
            )
    head = ["model", "form", "connections", "server", "requests/s (rounds)", "p50 ms", "p99 ms"]
    return _table("Closed loop", [*head, "CPU ms/request", "memory MB", "not answered"], rows)


def open_table(found: Sequence[Open], titles: Mapping[str, str]) -> str:
    """Return a row for each server, model and multiple of its capacity."""
    rows = []
    for model, times in dict.fromkeys(sorted((o.model, o.times) for o in found)):
        for name, title in titles.items():
            turns = [o for o in found if (o.peer, o.model, o.times) == (name, model, times)]
            if not turns:
                continue
            good = Range.of(turn.outcome.goodput / turn.capacity for turn in turns)
            refused = sum(sum(turn.outcome.refused.values()) for turn in turns)
            lost = sum(
                turn.outcome.broken + turn.outcome.not_accepted + turn.outcome.unanswered
                for turn in turns
            )
            offered = sum(turn.outcome.offered for turn in turns)
            rows.append(
                [
                    model,
                    turns[0].wire,
                    f"{times:g}",
                    title,
                    f"{Range.of(turn.capacity for turn in turns).median:,.0f}",
                    f"{good.median:.0%} ({good.low:.0%} to {good.high:.0%})",
                    _ms(Range.of(turn.outcome.p50_ms for turn in turns).median),
                    _ms(Range.of(turn.outcome.p99_ms for turn in turns).median),
                    f"{refused / offered:.1%}",
                    f"{lost / offered:.1%}",
                    _ms(Range.of(turn.outcome.lag_ms for turn in turns).high),
                ]
            )
    head = ["model", "form", "times capacity", "server", "capacity/s", "in time, of capacity"]
    more = ["p50 ms", "p99 ms", "refused", "lost or late by seconds", "generator late by, ms"]
    return _table("Open loop", [*head, *more], rows)


def start_table(found: Sequence[Start], titles: Mapping[str, str]) -> str:
    """Return a row for each server and model."""
    rows = []
    for model in dict.fromkeys(start.model for start in found):
        for name, title in titles.items():
            turns = [start for start in found if (start.peer, start.model) == (name, model)]
            if not turns:
                continue
            cold = Range.of(turn.cold_start_s for turn in turns)
            rows.append(
                [
                    model,
                    title,
                    f"{cold.median:.2f} ({cold.low:.2f} to {cold.high:.2f})",
                    _mb(Range.of(turn.pss_bytes for turn in turns).median),
                    _mb(Range.of(turn.rss_bytes for turn in turns).median),
                ]
            )
    head = ["model", "server", "seconds to the first answer", "idle memory MB (PSS)", "(RSS)"]
    return _table("Start", head, rows)


def failure_list(found: Sequence[Failure], titles: Mapping[str, str]) -> str:
    """Return what could not be measured; empty when everything was."""
    if not found:
        return ""
    lines = [
        f"- {titles[one.peer]}, {one.model}, round {one.round + 1}: {one.why.splitlines()[0]}"
        for one in found
    ]
    return "\n".join(["## Not measured", "", *lines])


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join([f"## {title}", "", *(f"| {' | '.join(line)} |" for line in lines)])


def _ms(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def _mb(value: float) -> str:
    return f"{value / 1e6:,.0f}"

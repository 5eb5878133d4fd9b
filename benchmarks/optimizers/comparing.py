"""All optimizers on one model: made, judged, timed."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np
from benchmarks.optimizers.judging import BATCH, Judge
from benchmarks.optimizers.peers import Attempt, Peer, attempt
from benchmarks.optimizers.prepared import OBJECTIVES, Objective, Prepared
from benchmarks.optimizers.racing import (
    Batches,
    Contestant,
    inputs_of,
    of_bundle,
    of_file,
    race,
)
from benchmarks.optimizers.records import OURS, Entry, Measured, Record
from benchmarks.optimizers.searching import Found, search

from tradewind.measure import Ratio, Timing, speedup, this_machine, throughput_ratio
from tradewind.search import SearchSettings

Say = Callable[[str], None]


@final
@dataclass(frozen=True)
class Schedule:
    """How the comparison is run.

    Args:
        search: how long and how hard each of Tradewind's two searches is.
        limit_s: seconds that another optimizer may take for one model.
        rounds: of the timing.
        is_reused: whether files of other optimizers that are there will do.
        is_found: whether bundles that are there will do.
        seed: of the division and of the orders.
    """

    search: SearchSettings
    limit_s: float
    rounds: int
    is_reused: bool
    is_found: bool
    seed: int


@final
@dataclass(frozen=True)
class Entered:
    """A peer with what it made, which answers."""

    peer: Peer
    file: Path


def make(
    prepared: Prepared, peers: Sequence[Peer], schedule: Schedule, say: Say
) -> tuple[dict[str, Entry], list[Entered]]:
    """Ask every peer for a file, and judge it."""
    judge = Judge(prepared)
    entries: dict[str, Entry] = {}
    entered = []
    for peer in peers:
        made = attempt(peer, prepared, say, schedule.limit_s, is_reused=schedule.is_reused)
        entry = _judged(judge, peer, made, is_reused=schedule.is_reused)
        entries[peer.name] = entry
        if made.file is not None and entry.verdict is not None:
            entered.append(Entered(peer, Path(made.file)))
        say(_told(entry))
    return entries, entered


def compare(prepared: Prepared, peers: Sequence[Peer], schedule: Schedule, say: Say) -> Record:
    """Return what came out for one model."""
    load = os.getloadavg()[0]
    entries, entered = make(prepared, peers, schedule, say)
    found = search(prepared, schedule.search, is_reused=schedule.is_found)
    entries[OURS] = _ours(prepared, found)
    say(_told(entries[OURS]))
    further = [one.bundle.manifest.chosen.batch_size or 1 for one in found.values()]
    batches = inputs_of(prepared, further)
    for objective in OBJECTIVES:
        with ExitStack() as stack:
            contestants = list(_entrants(prepared, entered, batches, objective, say))
            contestants.append(of_bundle(OURS, found[objective], batches))
            for one in contestants:
                stack.callback(one.runner.close)
            timings = race(contestants, batches, objective, schedule.rounds, schedule.seed)
        for name, measured in _measured(contestants, timings, objective).items():
            if objective == "latency":
                entries[name] = replace(entries[name], latency=measured)
            else:
                entries[name] = replace(entries[name], throughput=measured)
            say(f"{objective:10} {name:14} {measured.gain.ratio:5.2f} times, {measured.setting}")
    machine = this_machine()
    return Record(
        prepared.case.name,
        prepared.case.title,
        prepared.case.data,
        prepared.case.metric,
        f"{machine.cpu}, {machine.cores} cores, {'+'.join(machine.isa)}",
        load,
        schedule.search.time_s,
        schedule.rounds,
        tuple(entries.values()),
    )


def _judged(judge: Judge, peer: Peer, made: Attempt, *, is_reused: bool) -> Entry:
    if made.file is None:
        return Entry(peer.name, made.why, made.took_s)
    file = Path(made.file)
    try:
        verdict = judge.of_file(peer, file, is_reused=is_reused)
    except Exception as error:  # a runtime raises whatever it likes at a file it cannot run
        why = f"its file does not run: {str(error).strip().splitlines()[0][:300]}"
        return Entry(peer.name, why, made.took_s)
    weights = file.with_suffix(".bin")
    size = sum(one.stat().st_size for one in {file, weights} if one.exists())
    return Entry(peer.name, "", made.took_s, size, verdict)


def _ours(prepared: Prepared, found: Mapping[Objective, Found]) -> Entry:
    """Return what both searches found, with the worse of their verdicts."""
    judge = Judge(prepared)
    verdicts = []
    for one in found.values():
        with one.bundle.compile_ready() as runner:
            size = prepared.model.signature.fixed_batch or BATCH
            verdicts.append(judge.verdict(runner, size))
    chosen = [found[objective].bundle.manifest.chosen for objective in OBJECTIVES]
    return Entry(
        OURS,
        "",
        sum(one.took_s for one in found.values()),
        chosen[0].size_bytes,
        min(verdicts, key=lambda verdict: (verdict.certified, -verdict.drop_upper)),
        (chosen[0].variant, chosen[1].variant),
    )


def _entrants(
    prepared: Prepared,
    entered: Sequence[Entered],
    batches: Batches,
    objective: Objective,
    say: Say,
) -> Iterator[Contestant]:
    for one in entered:
        try:
            yield of_file(one.peer, one.file, prepared, batches, objective)
        except Exception as error:  # it answered before, at another batch size
            say(f"{one.peer.name} cannot be timed: {str(error)[:300]}")


def _measured(
    contestants: Sequence[Contestant], timings: Sequence[Timing], objective: Objective
) -> dict[str, Measured]:
    """Return the measurements by name; the first contestant is the baseline, the last is ours."""
    found = {}
    for one, timing in zip(contestants, timings, strict=True):
        if objective == "latency":
            value = float(np.median(timing.medians_s)) * 1e3
        else:
            value = one.batch_size / float(np.median(timing.wall_per_call_s))
        gain = _ratio(contestants[0], timings[0], one, timing, objective)
        ours = None
        if one is not contestants[-1]:
            ours = _ratio(one, timing, contestants[-1], timings[-1], objective)
        found[one.name] = Measured(one.label, value, gain, ours)
    return found


def _ratio(
    before: Contestant, slow: Timing, after: Contestant, fast: Timing, objective: Objective
) -> Ratio:
    """Return how many times better `after` is, both timed in the same rounds."""
    if objective == "latency":
        # of a cascade the mean counts: its median would leave out what escalates
        return speedup(slow, fast, varies=before.varies or after.varies)
    return throughput_ratio(slow, fast, after.batch_size / before.batch_size)


def _told(entry: Entry) -> str:
    if entry.verdict is None:
        return f"{entry.name}: failed after {entry.took_s:.0f} s, {entry.why}"
    verdict = entry.verdict
    within = "within" if verdict.certified else "NOT within"
    return (
        f"{entry.name}: made in {entry.took_s:.0f} s, lost {verdict.drop:.2%}, at most "
        f"{verdict.drop_upper:.2%} on {verdict.examples:,}: {within} the budget"
        + (f" ({', '.join(entry.variant)})" if entry.variant else "")
    )

"""One schedule for all: what was made takes turns in one process, in random order."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from benchmarks.optimizers.artefacts import SIZES, Setting, opened, settings
from benchmarks.optimizers.peers import Peer
from benchmarks.optimizers.prepared import Objective, Prepared
from benchmarks.optimizers.searching import Found

from tradewind.engines import OpenVINO
from tradewind.limits import available_cores
from tradewind.measure import (
    Task,
    Timing,
    calling,
    interleave,
    timing_batches,
)
from tradewind.runners import Runner
from tradewind.tensors import Tensors

Batches = dict[int, tuple[Tensors, ...]]

TURN_S = 0.05
LOAD_TURN_S = 0.15
PROBES = 3
NOISE = 0.97
"""Several callers have to be this much better in a quick look to take the place of one."""


@final
@dataclass(frozen=True)
class Contestant:
    """One optimizer's best way to run what it made, for latency or for throughput."""

    name: str
    label: str
    batch_size: int
    callers: int
    runner: Runner
    varies: bool = False  # its time depends on the example

    def task(self, batches: Batches, turn_s: float) -> Task:
        """Return its turn."""
        return Task(calling(self.runner, *batches[self.batch_size]), self.callers, turn_s)


def inputs_of(prepared: Prepared, further: Sequence[int]) -> Batches:
    """Return real inputs in batches, of examples that optimizers saw but did not calibrate on.

    Args:
        prepared: the model with its examples.
        further: batch sizes that are needed beside the usual ones.
    """
    order = np.random.default_rng((prepared.seed, 2)).permutation(prepared.splits.select)
    fixed = prepared.model.signature.fixed_batch
    sizes = {fixed, *further} if fixed else {*SIZES, *further}
    return timing_batches(prepared.dataset.take, order, sorted(sizes))


def of_file(
    peer: Peer, file: Path, prepared: Prepared, batches: Batches, objective: Objective
) -> Contestant:
    """Return a file under the setting that suits it best in a quick look."""
    signature = prepared.model.signature
    is_throughput = objective == "throughput"
    fixed = signature.fixed_batch
    sizes = [fixed] if fixed else [size for size in sorted(batches) if size in SIZES]
    sizes = sizes if is_throughput else sizes[:1]
    if peer.is_default:
        best = _cheapest(file, prepared, batches, [Setting(peer.runtime, size) for size in sizes])
    else:
        choice = [settings(peer.runtime, size, is_throughput=is_throughput) for size in sizes]
        likely = _cheapest(file, prepared, batches, [one[0] for one in choice])
        at_best = choice[sizes.index(likely.batch_size)]
        best = _cheapest(file, prepared, batches, at_best)
    runner = opened(file, signature, best)
    return Contestant(peer.name, best.label, best.batch_size, best.callers, runner)


def of_bundle(name: str, found: Found, batches: Batches) -> Contestant:
    """Return what a search chose, as its record says it is run."""
    record = found.bundle.manifest.chosen
    runner = found.bundle.compile_ready()
    size, callers = min(batches), 1
    if found.objective == "throughput":
        size = record.batch_size if record.batch_size in batches else max(batches)
        engine = record.parts[0].to_engine()
        most = engine.streams if isinstance(engine, OpenVINO) else available_cores()
        if most > 1:
            alone, together = (
                _seconds(Contestant(name, "", size, count, runner), batches) for count in (1, most)
            )
            callers = most if together < alone * NOISE else 1
    label = f"{record.description}, batch {size}" + (f", {callers} callers" * (callers > 1))
    return Contestant(name, label, size, callers, runner, varies=len(record.parts) > 1)


def race(
    contestants: Sequence[Contestant],
    batches: Batches,
    objective: Objective,
    rounds: int,
    seed: int,
) -> list[Timing]:
    """Time all contestants in rounds, each round in an order of its own."""
    turn_s = TURN_S if objective == "latency" else LOAD_TURN_S
    tasks = [one.task(batches, turn_s) for one in contestants]
    return interleave(tasks, seed=seed, turn_s=turn_s, max_rounds=rounds, until=float("inf"))


def _cheapest(
    file: Path, prepared: Prepared, batches: Batches, choice: Sequence[Setting]
) -> Setting:
    """Return the setting with the lowest cost of an example in a quick look."""
    if len(choice) == 1:
        return choice[0]
    costs = [_cost(file, prepared, batches, one) for one in choice]
    return choice[int(np.argmin(costs))]


def _cost(file: Path, prepared: Prepared, batches: Batches, setting: Setting) -> float:
    with contextlib.closing(opened(file, prepared.model.signature, setting)) as runner:
        tried = Contestant("", "", setting.batch_size, setting.callers, runner)
        return _seconds(tried, batches)


def _seconds(tried: Contestant, batches: Batches) -> float:
    """Return the wall time of an example in a quick look."""
    task = tried.task(batches, LOAD_TURN_S / 2)
    [timing] = interleave(
        [task],
        seed=0,
        turn_s=LOAD_TURN_S / 2,
        max_rounds=PROBES,
        until=time.monotonic() + 1.0,
        min_rounds=1,
    )
    return float(np.min(timing.wall_per_call_s)) / tried.batch_size

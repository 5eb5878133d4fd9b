"""How often a race calls a model faster than itself: on a quiet machine, and beside a neighbour.

Each pair is the same graph twice, compiled anew, in the race that ends a search; its turns are
shorter than there, so that many pairs fit into the time. All conditions take turns, so that what
else the machine does is shared by all. A neighbour is a process that computes and sleeps for spells
of random length on the first core. A pinned race has one core, the neighbour's, and one thread.

Usage: python benchmarks/timing.py [MODEL ...] [--pairs 100] [--rivals 1] [--out timing.json]
"""

import argparse
import contextlib
import itertools
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import scipy

from tradewind import load_model
from tradewind.budget import Budget
from tradewind.data import ArrayDataset, split
from tradewind.engines import OnnxRuntime
from tradewind.limits import available_cores
from tradewind.measure import Ratio, parse_metric, this_machine
from tradewind.model import Model
from tradewind.search.candidates import Graph
from tradewind.search.finals import Pace, race
from tradewind.search.job import Job
from tradewind.search.plans import Plan
from tradewind.search.probing import Inputs, make_inputs
from tradewind.search.settings import Deadline, SearchSettings
from tradewind.search.trials import Load, Trial

DIGITS = Path(__file__).parents[1] / "examples" / "digits" / "digits.onnx"
EXAMPLES = 400
BATCH = 8
PACE = Pace(turn_s=0.01, load_turn_s=0.02, rounds=20)

NEIGHBOUR = """
import os, random, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
parent = os.getppid()
while os.getppid() == parent:
    end = time.monotonic() + random.expovariate(1 / 0.2)
    while time.monotonic() < end:
        pass
    time.sleep(random.expovariate(1 / 0.2))
"""


@dataclass(frozen=True)
class Condition:
    """Where pairs are raced."""

    model: str
    neighbour: bool
    pinned: bool


@dataclass
class Tally:
    """What came out under one condition."""

    races: int = 0
    claims: dict[str, int] = field(default_factory=dict)
    widths: list[float] = field(default_factory=list)
    off: list[float] = field(default_factory=list)

    def add(self, rivals: list[Trial]) -> None:
        """Count one race of equals."""
        self.races += 1
        latency = [_known(rival.speedup) for rival in rivals]
        load = [_known(rival.throughput_gain) for rival in rivals]
        for name, happened in (
            ("faster", any(one.low > 1 for one in latency)),
            ("slower", any(one.high < 1 for one in latency)),
            ("more throughput", any(one.low > 1 for one in load)),
            ("less throughput", any(one.high < 1 for one in load)),
        ):
            self.claims[name] = self.claims.get(name, 0) + happened
        self.widths += [one.high / one.low for one in latency if one.low > 0]
        self.off += [one.ratio for one in latency]

    def document(self, condition: Condition) -> dict[str, object]:
        """Return the counts with the share that they exclude at 95% confidence."""
        low, high = np.quantile(self.off, [0.025, 0.975])
        return {
            **asdict(condition),
            "races": self.races,
            "claims": self.claims,
            "faster_share": self.claims["faster"] / self.races,
            "faster_share_at_least": float(
                scipy.stats.beta.ppf(
                    0.05, self.claims["faster"] or 1e-9, self.races - self.claims["faster"] + 1
                )
            ),
            "interval_width_median": float(np.median(self.widths)) if self.widths else None,
            "ratios_95_percent": [float(low), float(high)],
        }


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("models", type=Path, nargs="*")
    given.add_argument("--pairs", type=int, default=100, help="races under each condition")
    given.add_argument("--rivals", type=int, default=1, help="copies against the first one")
    given.add_argument("--time", type=float, default=3600.0, help="seconds at most")
    given.add_argument("--out", type=Path, default=Path("timing.json"))
    chosen = given.parse_args()
    models = {path.stem: load_model(path) for path in (DIGITS, *chosen.models)}
    conditions = [
        Condition(model, neighbour, pinned)
        for model, neighbour, pinned in itertools.product(models, (False, True), (False, True))
    ]
    tallies = {condition: Tally() for condition in conditions}
    begin = time.monotonic()
    for done in range(chosen.pairs):
        for condition in conditions:
            tallies[condition].add(raced(models[condition.model], condition, chosen.rivals))
        write(chosen.out, tallies, chosen.rivals)
        if time.monotonic() - begin > chosen.time:
            print(f"the time is up after {done + 1} races")
            break
    print(chosen.out.read_text(encoding="utf-8"))


def raced(model: Model, condition: Condition, count: int) -> list[Trial]:
    """Return what one race says about `count` copies of its baseline."""
    with restricted(pinned=condition.pinned), beside(present=condition.neighbour):
        job, inputs = prepared(model)
        engine = OnnxRuntime(threads=1) if condition.pinned else OnnxRuntime()
        plan = Plan.alone(Graph((), model, "the same"), engine)
        entrants = [
            Trial(plan, Load(BATCH, 1), 1.0, 1.0, 1.0, name=f"{number}", is_baseline=not number)
            for number in range(count + 1)
        ]
        race(job, entrants, inputs, float("inf"), PACE)
    return entrants[1:]


def prepared(model: Model) -> tuple[Job, Inputs]:
    """Return a job on random inputs, with a new order of its turns."""
    seed = secrets.randbits(31)
    random = np.random.default_rng(seed)
    arrays = {
        spec.name: random.standard_normal(
            (EXAMPLES, *(size if isinstance(size, int) else 1 for size in spec.shape[1:]))
        ).astype(spec.datatype.numpy)
        for spec in model.signature.inputs
    }
    dataset = ArrayDataset(arrays, None)
    budget, settings = Budget("agreement"), SearchSettings(seed=seed)
    job = Job(
        model,
        dataset,
        split(dataset, seed),
        budget,
        parse_metric(budget.metric, model),
        settings,
        this_machine(),
        Deadline(time.monotonic(), settings.time_s),
    )
    return job, make_inputs(dataset.take, job.timed(), job.fixed_batch)


@contextlib.contextmanager
def restricted(*, pinned: bool) -> Iterator[None]:
    """Run on one core where that is asked for."""
    cores = os.sched_getaffinity(0)
    if pinned:
        os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@contextlib.contextmanager
def beside(*, present: bool) -> Iterator[None]:
    """Have a neighbour that computes and sleeps."""
    if not present:
        yield
        return
    with subprocess.Popen([sys.executable, "-c", NEIGHBOUR]) as neighbour:
        try:
            yield
        finally:
            neighbour.kill()


def write(path: Path, tallies: dict[Condition, Tally], rivals: int) -> None:
    """Write what is known so far."""
    document = {
        "machine": this_machine().cpu,
        "cores": available_cores(),
        "load_average": os.getloadavg()[0],
        "rivals": rivals,
        "pace": asdict(PACE),
        "conditions": [tally.document(one) for one, tally in tallies.items()],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _known(ratio: Ratio | None) -> Ratio:
    assert ratio is not None  # every rival was compared
    return ratio


if __name__ == "__main__":
    main()

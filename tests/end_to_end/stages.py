"""The stages of a search one by one, with a cheap variant of the test's own in front."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tradewind.budget import Budget
from tradewind.bundle import Bundle, open_bundle, write_bundle
from tradewind.data import open_dataset, split
from tradewind.engines import OnnxRuntime
from tradewind.importers import load_model
from tradewind.measure import parse_metric, this_machine
from tradewind.report import page
from tradewind.search import Outcome, SearchSettings, Silence, pack
from tradewind.search.candidates import Graph
from tradewind.search.cascades import propose
from tradewind.search.certifying import Certifier, order
from tradewind.search.choosing import choose
from tradewind.search.costs import cost_of
from tradewind.search.finals import finalists, race, weigh
from tradewind.search.job import Job
from tradewind.search.screening import Screen
from tradewind.search.settings import Deadline
from tradewind.search.trials import Trial


@dataclass(frozen=True)
class Found:
    """What the stages made of a model and something cheaper."""

    folder: Path
    bundle: Bundle
    outcome: Outcome
    alone: Trial
    cascade: Trial


def staged(
    source: Path,
    data: Path,
    budget: Budget,
    cheap: Callable[[Job], Graph],
    *,
    cost: float | None = None,
    most: int | None = None,
) -> Found:
    """Return the cheapest certified cascade of a cheap graph and its original, in a bundle.

    What a quick look on a busy machine finds decides nothing here.

    Args:
        source: the original.
        data: its examples.
        budget: the promise.
        cheap: makes the graph that goes first.
        cost: of that graph, in units of the original's; as it was timed when None.
        most: proposals that are looked at; all when None.
    """
    model = load_model(source)
    dataset = open_dataset(data, model.signature)
    settings = SearchSettings(120.0, seed=3)
    job = Job(
        model, dataset, split(dataset, settings.seed), budget,
        parse_metric(budget.metric, model), settings, this_machine(),
        Deadline(time.monotonic(), settings.time_s),
    )  # fmt: skip
    screen = Screen(job, 0.5)
    alone = screen.look(cheap(job), [OnnxRuntime()])
    baseline = screen.baseline.trial
    if cost is not None:
        alone.latency_s = cost * baseline.latency_s
    cascades = []
    for proposal in propose(job, screen.scores, baseline, [alone])[:most]:
        trial = screen.cascade(proposal.plan, proposal.asked)
        trial.name, trial.select = proposal.name, proposal.select
        trial.latency_s = proposal.cost
        cascades.append(trial)
    screen.baseline.runner.close()
    assert cascades, "no cascade was proposed"
    trials = [alone, *cascades]
    queue = order(job, baseline, trials)
    Certifier(job, baseline, job.deadline.at(0.9)).run(queue, Silence())
    entrants = finalists(baseline, queue, cost_of(job))
    race(job, entrants, screen.inputs, until=0.0)
    weigh(job, entrants, screen.inputs)
    certified = [one for one in cascades if one.is_certified]
    assert certified, [one.refusals for one in trials]
    _, reason = choose(budget, entrants)
    chosen = min(certified, key=lambda one: one.latency_s)
    outcome = Outcome(job, baseline, chosen, reason, [baseline, *trials])
    manifest, models = pack(outcome, f"tradewind optimize {source.name} --data {data.name}")
    folder = source.with_suffix(".tw")
    write_bundle(folder, manifest, models, page(manifest))
    return Found(source.parent, open_bundle(folder), outcome, alone, chosen)

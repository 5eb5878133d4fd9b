"""What answers and timings depend on, as a hash that both are kept under."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from tradewind.bundle import settings_of
from tradewind.engines import Engine
from tradewind.model import Model
from tradewind.runners import ConfidenceRule, Scores
from tradewind.search.cache import key_of
from tradewind.search.job import Job
from tradewind.search.plans import Plan
from tradewind.search.recalling import digest_of, versions

_SPEED_ONLY = ("batch_sizes", "spin", "streams", "threads")
"""Settings of engines that change no answer beyond the order of summation."""


def answers_key(job: Job, plan: Plan, scores: Scores | None) -> str:
    """Return what a variant's answers to the select split are kept under.

    Args:
        job: knows the examples, and the hardware that decides the last digits.
        plan: what answers.
        scores: where the class scores are.
    """
    return key_of(
        {
            "kind": "answers",
            "stages": [
                (stage.graph.model.digest, stage.engine.name, _arithmetic(stage.engine))
                for stage in plan.stages
            ],
            "rules": [(rule.name, settings_of(rule)) for rule in plan.rules],
            "data": _identity(job),
            "split": (job.splits.digest, digest_of({"select": job.splits.select})),
            "judged": (job.budget.metric, type(job.metric).__name__, scores),
            "hardware": (job.hardware.cpu, job.hardware.isa, job.hardware.engines),
            **versions(),
        }
    )


def look_key(
    job: Job,
    graphs: Sequence[Model],
    engines: Sequence[Engine],
    rules: tuple[ConfidenceRule, ...] = (),
) -> str:
    """Return what a quick look is kept under.

    Args:
        job: knows the objective, the inputs and the hardware, on which alone a look holds.
        graphs: those of all stages.
        engines: of a cascade those of its stages, else those that were compared.
        rules: between the stages.
    """
    return key_of(
        {
            "kind": "look",
            "graphs": [model.digest for model in graphs],
            "engines": [(engine.name, settings_of(engine)) for engine in engines],
            "rules": [(rule.name, settings_of(rule)) for rule in rules],
            "objective": job.budget.objective,
            "original": job.model.digest,
            "data": _identity(job),
            "hardware": asdict(job.hardware),
            **versions(),
        }
    )


def _identity(job: Job) -> tuple[str, str]:
    """Return what decides which inputs a model gets: what is stored, and what is done to it."""
    steps = msgspec.json.encode(job.dataset.preprocessing)
    return job.dataset.digest, hashlib.sha256(steps).hexdigest()


def _arithmetic(engine: Engine) -> dict[str, Any]:
    return {name: value for name, value in settings_of(engine).items() if name not in _SPEED_ONLY}

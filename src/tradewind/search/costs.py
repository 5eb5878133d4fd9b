"""What the objective wants small, as a quick estimate."""

from collections.abc import Callable

import numpy as np

from tradewind.search.job import Job
from tradewind.search.trials import Trial

COSTS: tuple[Callable[[Trial], float], ...] = (
    lambda trial: trial.latency_s,
    lambda trial: trial.example_s,
    lambda trial: trial.cpu_s,
    lambda trial: float(trial.plan.size_bytes),
)
"""What somebody may want small, whatever the objective is."""


def cost_of(job: Job) -> Callable[[Trial], float]:
    """Return the function that says what a variant costs, by quick timings."""
    objective = job.budget.objective
    if objective == "latency":
        return lambda trial: trial.latency_s
    if objective == "throughput":
        return lambda trial: trial.example_s
    if objective in ("energy", "carbon"):
        return lambda trial: trial.cpu_s
    if objective == "cost":  # cores that are occupied: busy ones, and at least one
        return lambda trial: max(trial.example_s, trial.cpu_s)
    return lambda trial: float(trial.peak_memory_bytes or np.inf)


def no_gain(job: Job, price: float) -> str:
    """Say that a variant costs as much as the original or more.

    Args:
        job: knows the objective.
        price: cost of the variant / cost of the baseline.
    """
    units = {"memory": "memory", "energy": "CPU time", "carbon": "CPU time", "cost": "core time"}
    unit = units.get(job.budget.objective, "time")
    return f"no gain here: {price:.2f} times the {unit} of the original"

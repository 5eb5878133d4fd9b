"""The answer, and the sentence that says why."""

from tradewind.budget import Budget
from tradewind.measure import Ratio
from tradewind.search.job import Job
from tradewind.search.trials import Trial


def choose(budget: Budget, entrants: list[Trial]) -> tuple[Trial, str]:
    """Return the best variant that keeps every promise, with the reason.

    Args:
        budget: the promise.
        entrants: timed variants, the baseline first.

    Returns:
        The certified (or exact) variant that is better than the baseline by more than the
        noise, else the baseline itself.
    """
    baseline = entrants[0]
    standing = []
    for trial in entrants:
        why = _broken(budget, trial)
        if why:
            trial.refusals.append(why)
        elif not trial.is_baseline:
            standing.append(trial)
    better = [trial for trial in standing if _gain(budget, trial).is_better]
    for trial in standing:
        if trial not in better:
            gain = _gain(budget, trial)
            trial.refusals.append(
                f"no certain gain: {gain.ratio:.2f} times, "
                f"between {gain.low:.2f} and {gain.high:.2f}"
            )
    if better:
        best = max(better, key=lambda trial: _gain(budget, trial).ratio)
        for trial in better:
            if trial is not best:
                trial.refusals.append(f"keeps the promise, but {best.name} gains more")
        return best, _praise(budget, best)
    return baseline, _excuse(budget, baseline, entrants)


def why_nothing(job: Job, looked: int, tested: int, *, is_complete: bool) -> str:
    """Return what kept everything cheaper from being certified, to be put behind the reason.

    Args:
        job: the search.
        looked: how many variants were looked at.
        tested: how many of them were tested.
        is_complete: whether time sufficed for all.
    """
    least, have = job.least_units, job.units(job.splits.certify)
    if have < least:
        return (
            f": {have} {job.unit}s were left to certify on, and at least {least} are "
            f"needed for a {job.budget.max_drop:.2%} budget at {job.budget.confidence:.0%}"
        )
    if is_complete:
        return ""
    if tested:
        return ": time ran out before more could be tested"
    if looked:
        return f": none of the {looked} variants looked at was worth a test before time ran out"
    return ": time ran out before any variant was looked at"


def _gain(budget: Budget, trial: Trial) -> Ratio:
    if budget.objective == "throughput":
        found = trial.throughput_gain
    elif budget.objective in ("energy", "carbon"):
        found = trial.energy_gain
    elif budget.objective == "cost":
        found = trial.core_gain
    elif budget.objective == "memory":
        found = trial.memory_gain
    else:
        found = trial.speedup
    assert found is not None  # every entrant but the baseline was compared with it
    return found


def _broken(budget: Budget, trial: Trial) -> str:
    """Return the promise that a variant breaks; empty when it breaks none."""
    found = trial.certificate
    if found is not None and not found.certified and found.drop > 0:
        # the same arithmetic in another order, yet it changes answers that matter
        return f"rounding alone loses {found.drop:.2%} of right answers"
    if budget.max_latency_ms is not None and trial.percentiles is not None:
        p99 = trial.percentiles.p99
        if p99 > budget.max_latency_ms:
            return f"p99 of {p99:.2f} ms is above the {budget.max_latency_ms:g} ms allowed"
    if budget.max_memory_mb is not None:
        if trial.peak_memory_bytes is None:
            return "its peak memory could not be measured"
        peak = trial.peak_memory_bytes / 1e6
        if peak > budget.max_memory_mb:
            return f"peak memory of {peak:.0f} MB is above the {budget.max_memory_mb:g} MB allowed"
    return ""


def _praise(budget: Budget, best: Trial) -> str:
    gain = _gain(budget, best)
    what = {
        "latency": "answers one request {:.2f} times sooner",
        "throughput": "answers {:.2f} times as many requests a second",
        "memory": "needs {:.2f} times less memory",
        "energy": f"needs {{:.2f}} times less {_energy(best)} for an answer",
        "carbon": f"needs {{:.2f}} times less {_energy(best)} for an answer",
        "cost": "occupies cores for {:.2f} times less time for an answer",
    }[budget.objective].format(gain.ratio)
    if best.plan.is_cascade and budget.objective == "latency":
        what += " on average"
    if best.is_certified:
        return f"{what} than the original, and keeps the promise"
    return f"{what} than the original; the same graph in the same arithmetic, so nothing is lost"


def _energy(trial: Trial) -> str:
    """Name what the energy was judged by."""
    found = trial.footprint
    return "CPU time" if found is None or found.is_estimated else "energy"


def _excuse(budget: Budget, baseline: Trial, entrants: list[Trial]) -> str:
    if baseline.refusals:
        return f"nothing keeps every promise, not even the original: {baseline.refusals[-1]}"
    if len(entrants) == 1:
        return "nothing cheaper could be certified; the original is served as it is"
    return f"nothing was better in {budget.objective} by more than the noise of this machine"

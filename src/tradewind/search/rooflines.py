"""How far what a search found is from this machine's limit, measured in the time that is left."""

import time
from pathlib import Path

import numpy as np

from tradewind.measure.roofline import (
    MEASURING_S,
    Peaks,
    Roofline,
    Standings,
    keep_peaks,
    known_peaks,
    measure_peaks,
    standing,
)
from tradewind.search.optimizing import Outcome
from tradewind.search.progress import Progress, Silence
from tradewind.search.trials import Trial

HURRIED_S = 3.0
"""What a short look at the peaks takes; it is not kept for the next time."""

LEAST_S = 2.0
"""Below what is left of the time, nothing is begun."""

_LONGER = 3.0  # the next variant may take that many times as long as the longest so far


def standings(outcome: Outcome, home: Path, progress: Progress | None = None) -> Standings | None:
    """Return how far the original and the finalists are from this machine's limit at batch 1.

    The chosen variant and the original come first, then the others that were timed, as long as the
    next one will be done in time. A cascade is left out, since no answer goes through all of it.

    Args:
        outcome: of the search.
        home: the folder of what Tradewind keeps; peaks that are known there are not measured.
        progress: is told what happens.

    Returns:
        None when there was no time for even one, or somebody ended the search.
    """
    deadline, machine = outcome.job.deadline, outcome.job.hardware
    if outcome.was_interrupted or deadline.left_s() < LEAST_S:
        return None
    told = progress or Silence()
    told.begin("comparing with what this machine can do")
    found: dict[str, Roofline] = {}
    peaks = known_peaks(home, machine)
    try:
        if peaks is None:
            peaks = _measured(outcome, home)
        if peaks is None:
            return None
        longest = LEAST_S / _LONGER
        for trial in _worth_it(outcome):
            if deadline.left_s() < longest * _LONGER:
                break
            told.step(trial.name)
            begin = time.monotonic()
            found |= _stand(outcome, trial, peaks)
            longest = max(longest, time.monotonic() - begin)
    except KeyboardInterrupt:  # what is there is enough for a picture
        pass
    return Standings(peaks, found) if peaks is not None and found else None


def _measured(outcome: Outcome, home: Path) -> Peaks | None:
    """Return peaks that were measured as well as the time allows, if at all."""
    left_s = outcome.job.deadline.left_s()
    if left_s > MEASURING_S + LEAST_S:
        found = measure_peaks(limit_s=left_s / 2)
        keep_peaks(home, outcome.job.hardware, found)
        return found
    return measure_peaks(hurry=True, limit_s=HURRIED_S) if left_s > HURRIED_S + LEAST_S else None


def _worth_it(outcome: Outcome) -> list[Trial]:
    first = [outcome.chosen, outcome.baseline]
    others = [trial for trial in outcome.trials if trial.percentiles is not None]
    found = {trial.name: trial for trial in (*first, *others)}
    return [trial for trial in found.values() if not trial.plan.is_cascade]


def _stand(outcome: Outcome, trial: Trial, peaks: Peaks) -> dict[str, Roofline]:
    """Return the roofline of one variant under its name; nothing where it cannot be had."""
    job = outcome.job
    inputs = job.dataset.take(np.resize(job.timed()[:1], job.fixed_batch or 1))
    stage = trial.plan.last
    try:
        return {trial.name: standing(stage.graph.model, stage.engine, inputs, peaks)}
    except Exception:  # whatever it is, what the search found is worth more than a picture
        return {}

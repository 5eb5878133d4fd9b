"""How likely a variant is to fail its test, as far as the select split tells."""

import numpy as np

from tradewind.evidence import Paired, PairedCounts, PairedLosses, passing_probability
from tradewind.search.job import Job
from tradewind.search.trials import Trial

SAFE = 0.1
"""Risk of failing up to which a search may rely on a variant."""


def risk(job: Job, trial: Trial, paired: Paired) -> float:
    """Return how likely a variant is to fail its test, in hundredths, by the select split.

    The thresholds of a cascade were chosen on these examples, so that it does better on them than
    on others: one more is taken to be lost. What answers alone and lost as little goes before it.
    """
    budget, count = job.budget, job.units(job.splits.certify)
    seen = _one_more_lost(paired) if trial.plan.is_cascade else paired
    likely = passing_probability(
        seen, count, budget.max_drop, budget.confidence, has_truth=job.has_truth
    )
    return 1.0 - round(likely, 2)


def _one_more_lost(paired: Paired) -> Paired:
    if isinstance(paired, PairedCounts):
        return PairedCounts(
            paired.n, min(paired.worse + 1, paired.n - paired.better), paired.better
        )
    differences = paired.differences.copy()
    differences[np.argmin(np.abs(differences))] = 1.0
    return PairedLosses(differences, paired.unit)

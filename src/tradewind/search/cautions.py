"""What is told before time is spent: why an answer may be worth little, or impossible."""

from tradewind.data import Dataset
from tradewind.search.job import Job
from tradewind.tensors import Array

MANY_COPIES = 0.05
"""Up to this share of copies is what many honest collections have."""


def cautions(job: Job, losses: Array) -> list[str]:
    """Return what somebody should know who waits for an answer, a sentence each.

    Args:
        job: what the search works on.
        losses: float64[n], those of the original on the first examples of the select split.
    """
    found = []
    least, have = job.least_units, job.units(job.splits.certify)
    if have < least:
        found.append(
            f"{have} {job.unit}s are left to certify on, but a {job.budget.max_drop:.2%} "
            f"budget needs at least {least} even if no answer changes: nothing can be certified"
        )
    copies = _copies(job.dataset)
    if job.dataset.groups is None and copies > MANY_COPIES * len(job.dataset):
        found.append(
            f"{copies:,} of {len(job.dataset):,} examples are copies of others, and each counts "
            "as if it had been drawn on its own: remove them, or group them with --group, where "
            "that is not so"
        )
    if job.has_truth and losses.mean() > 0.5:
        found.append(
            f"the original is right on only {1 - losses.mean():.1%} of {len(losses)} "
            "examples: check the labels and --preprocess"
        )
    return found


def _copies(dataset: Dataset) -> int:
    """Return how many examples have the inputs of an earlier one."""
    return len(dataset) - len(set(dataset.fingerprints.tolist()))

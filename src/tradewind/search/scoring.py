"""Whether cascades can be built here, and what their stages are judged by."""

from tradewind.measure import Accuracy, Agreement, ClippedError, Within
from tradewind.runners import (
    Scores,
    look_like_probabilities,
    not_by_example,
    obstacle,
    score_output,
)
from tradewind.search.job import Job
from tradewind.tensors import Tensors


def find_scores(job: Job, sample: Tensors) -> tuple[Scores | None, str]:
    """Return where the class scores are, and why no cascade can be built; empty where one can.

    Where numbers are judged there are no scores: a cascade is built on their distances.

    Args:
        job: what the search works on.
        sample: the original's outputs for a few examples.
    """
    if job.budget.objective == "memory":
        return None, "several models in memory need more of it than one"
    if isinstance(job.metric, (Within, ClippedError)):
        return None, not_by_example(job.model.signature)
    if not isinstance(job.metric, (Accuracy, Agreement)):
        return (
            None,
            "only class scores tell how sure an answer is, and something else is judged here",
        )
    if why := obstacle(job.model.signature):
        return None, why
    name = score_output(job.model.signature)
    assert name is not None  # else there is an obstacle
    values = sample[name]
    if values.size == len(values):  # one score each: from where on does it say class 1?
        return Scores(name, getattr(job.metric, "threshold", 0.0) == 0.5), ""
    return Scores(name, look_like_probabilities(values)), ""

"""The statistical evidence that a variant keeps a budget."""

import math
from dataclasses import dataclass
from typing import Literal, final

from tradewind.evidence.agreement import agreement_p_value, disagreement_upper_bound
from tradewind.evidence.limits import alpha_of
from tradewind.evidence.losses import (
    PairedLosses,
    Unit,
    losses_examples_needed,
    losses_p_value,
    losses_upper_bound,
)
from tradewind.evidence.paired import PairedCounts, drop_p_value, drop_upper_bound
from tradewind.evidence.planning import agreement_examples_needed, examples_needed


@final
@dataclass(frozen=True)
class Certificate:
    """What was shown about the drop of one variant, on examples no earlier step has seen.

    `certified` holds exactly when p_value <= 1 - confidence, and then drop_upper <= max_drop;
    otherwise drop_upper >= max_drop.

    Args:
        certified: whether the drop is shown to be below `max_drop`.
        kind: "labels" when right and wrong answers were counted, "agreement" when only whether
            the two models answer alike, "losses" when numbers between 0 and 1 were compared.
        metric: name of what drops.
        max_drop: margin that was tested.
        confidence: 1 - alpha; a variant that loses `max_drop` or more is certified with
            probability at most alpha over the draw of the examples.
        n: examples, or groups of them.
        worse: examples that speak against the variant; disagreements when kind is "agreement".
        better: examples that speak for it; 0 when kind is "agreement".
        drop: (worse - better) / n; when kind is "agreement", the disagreement, which the drop
            cannot exceed; when kind is "losses", the mean rise in loss.
        drop_upper: upper confidence bound of `drop` in the population.
        p_value: against "the drop is max_drop or more".
        examples_needed: number of examples at which a new certificate would likely succeed if the
            observed rates are the true ones; None when certified, or when no number would help
            because the observed drop is `max_drop` or more.
        unit: what is counted; groups are compared by the mean over their examples.
    """

    certified: bool
    kind: Literal["labels", "agreement", "losses"]
    metric: str
    max_drop: float
    confidence: float
    n: int
    worse: int
    better: int
    drop: float
    drop_upper: float
    p_value: float
    examples_needed: int | None
    unit: Unit = "example"


def rounded_up(bound: float) -> float:
    """Return an upper bound in whole hundredths of a percent, which it then still is.

    What floating point adds to such a number, up to 1e-13, does not take it to the next.
    """
    return math.ceil(bound * 1e4 - 1e-9) / 1e4


def certify_with_labels(
    counts: PairedCounts, max_drop: float, confidence: float, metric: str = "accuracy"
) -> Certificate:
    """Test whether the drop is below max_drop, from right and wrong answers.

    Args:
        counts: from examples that no earlier step has seen.
        max_drop: margin, 0 <= max_drop < 1.
        confidence: 0.5 to 0.9999.
        metric: name of what drops.

    Raises:
        SettingError: `max_drop` or `confidence` is outside its range.
    """
    p_value = drop_p_value(counts, max_drop, confidence)
    certified = p_value <= alpha_of(confidence)
    needed = None
    if not certified:
        needed = examples_needed(counts.disagreement, counts.drop, max_drop, confidence)
    return Certificate(
        certified=certified,
        kind="labels",
        metric=metric,
        max_drop=max_drop,
        confidence=confidence,
        n=counts.n,
        worse=counts.worse,
        better=counts.better,
        drop=counts.drop,
        drop_upper=_on_its_side(drop_upper_bound(counts, confidence), max_drop, certified),
        p_value=p_value,
        examples_needed=_more_than(counts.n, needed),
    )


def certify_agreement(
    disagreements: int, n: int, max_drop: float, confidence: float, metric: str = "agreement"
) -> Certificate:
    """Test whether two models answer differently on less than max_drop of inputs, without labels.

    Args:
        disagreements: examples on which the answers differ, 0..n.
        n: examples that no earlier step has seen, 1 or more.
        max_drop: margin, 0 < max_drop < 1.
        confidence: 0.5 to 0.9999.
        metric: name of what drops.

    Raises:
        SettingError: an argument is outside its range.
    """
    p_value = agreement_p_value(disagreements, n, max_drop)
    certified = p_value <= alpha_of(confidence)
    rate = disagreements / n
    upper = disagreement_upper_bound(disagreements, n, confidence)
    needed = None if certified else agreement_examples_needed(rate, max_drop, confidence)
    return Certificate(
        certified=certified,
        kind="agreement",
        metric=metric,
        max_drop=max_drop,
        confidence=confidence,
        n=n,
        worse=disagreements,
        better=0,
        drop=rate,
        drop_upper=_on_its_side(upper, max_drop, certified),
        p_value=p_value,
        examples_needed=_more_than(n, needed),
    )


def certify_losses(
    losses: PairedLosses, max_drop: float, confidence: float, metric: str
) -> Certificate:
    """Test whether a loss rises by less than max_drop on average.

    Args:
        losses: of examples, or of groups, that no earlier step has seen, independent of each
            other and in an order fixed beforehand.
        max_drop: margin, 0 <= max_drop < 1, in units of the largest possible loss.
        confidence: 0.5 to 0.9999.
        metric: name of what is lost.

    Raises:
        SettingError: `max_drop` or `confidence` is outside its range.
    """
    p_value = losses_p_value(losses, max_drop, confidence)
    certified = p_value <= alpha_of(confidence)
    upper = losses_upper_bound(losses, max_drop, confidence)
    needed = None
    if not certified:
        needed = losses_examples_needed(losses.variance, losses.drop, max_drop, confidence)
    return Certificate(
        certified=certified,
        kind="losses",
        metric=metric,
        max_drop=max_drop,
        confidence=confidence,
        n=losses.n,
        worse=losses.worse,
        better=losses.better,
        drop=losses.drop,
        drop_upper=_on_its_side(upper, max_drop, certified),
        p_value=p_value,
        examples_needed=_more_than(losses.n, needed),
        unit=losses.unit,
    )


def _on_its_side(bound: float, max_drop: float, certified: bool) -> float:
    """Keep the resolution of the bound's search from contradicting the test at max_drop."""
    return min(bound, max_drop) if certified else max(bound, max_drop)


def _more_than(n: int, needed: int | None) -> int | None:
    """Never advise a number of examples that has just failed."""
    return None if needed is None else max(needed, n + 1)

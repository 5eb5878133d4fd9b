"""How low the threshold of a cascade may be set, shown on examples no earlier step has seen.

A cascade answers with its cheap stage where that is sure enough, and as the original does
elsewhere. Against "with threshold t the drop is max_drop or more" every threshold has a test of
its own. Thresholds are tested from the highest downwards, each at the full alpha, until the first
that fails: a fixed sequence, so that the probability of certifying any threshold that loses
max_drop or more is at most alpha. Above all thresholds stands infinity, where the original
answers everything and nothing is lost: an answer that is valid always exists.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import final

import numpy as np
import numpy.typing as npt

from tradewind.errors import SettingError
from tradewind.evidence.agreement import agreement_p_value
from tradewind.evidence.certificate import Certificate, certify_agreement, certify_with_labels
from tradewind.evidence.limits import alpha_of, check_max_drop
from tradewind.evidence.paired import PairedCounts, drop_p_value
from tradewind.evidence.sequence import fixed_sequence

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@final
@dataclass(frozen=True)
class CertifiedThreshold:
    """The lowest threshold that was certified.

    Args:
        threshold: infinity when none was, so that every example escalates.
        escalated: share of the examples below the threshold.
        certificate: of that threshold; None for infinity, at which nothing can be lost.
        refused: the first threshold that was not certified; None when all were.
    """

    threshold: float
    escalated: float
    certificate: Certificate | None
    refused: float | None


def certify_threshold(
    confidences: Floats,
    differs: Bools,
    thresholds: Sequence[float],
    max_drop: float,
    confidence: float,
) -> CertifiedThreshold:
    """Find the lowest threshold that keeps a budget, without labels.

    For a threshold t, p = P(K <= k), K ~ Binomial(n, max_drop), with k the number of examples on
    which the stage is sure, confidence >= t, and answers differently from the original.

    Args:
        confidences: float64[n], how sure the stage is of each answer; what is no number is
            never sure.
        differs: bool[n], whether stage and original answer differently.
        thresholds: to be tested, falling; fixed before any of these examples was seen.
        max_drop: margin, 0 < max_drop < 1.
        confidence: 1 - alpha.

    Raises:
        SettingError: an argument is outside its range, or the arrays differ in length.
    """
    check_max_drop(max_drop, zero_allowed=False)
    _check(confidences, {"differs": differs})

    def count(sure: Bools) -> int:
        return int(np.count_nonzero(sure & differs))

    found, sure = _descend(
        confidences,
        thresholds,
        alpha_of(confidence),
        lambda sure: agreement_p_value(count(sure), len(sure), max_drop),
    )
    if sure is None:
        return found
    certificate = certify_agreement(count(sure), len(sure), max_drop, confidence)
    return replace(found, certificate=certificate)


def certify_threshold_with_labels(
    confidences: Floats,
    original: Bools,
    stage: Bools,
    thresholds: Sequence[float],
    max_drop: float,
    confidence: float,
) -> CertifiedThreshold:
    """Find the lowest threshold that keeps a budget, from right and wrong answers.

    For each threshold the exact test of a drop is run on the cascade's answers.

    Args:
        confidences: float64[n], how sure the stage is of each answer.
        original: bool[n], whether the original's answer is right.
        stage: bool[n], whether the stage's answer is right.
        thresholds: to be tested, falling; fixed before any of these examples was seen.
        max_drop: margin, 0 <= max_drop < 1.
        confidence: 1 - alpha.

    Raises:
        SettingError: an argument is outside its range, or the arrays differ in length.
    """
    check_max_drop(max_drop)
    _check(confidences, {"original": original, "stage": stage})

    def count(sure: Bools) -> PairedCounts:
        return PairedCounts.from_correct(original, np.where(sure, stage, original))

    found, sure = _descend(
        confidences,
        thresholds,
        alpha_of(confidence),
        lambda sure: drop_p_value(count(sure), max_drop, confidence),
    )
    if sure is None:
        return found
    return replace(found, certificate=certify_with_labels(count(sure), max_drop, confidence))


def _descend(
    confidences: Floats,
    thresholds: Sequence[float],
    alpha: float,
    p_value: Callable[[Bools], float],
) -> tuple[CertifiedThreshold, Bools | None]:
    """Return the lowest threshold that passes, and which examples are sure enough for it."""
    if any(after > before for before, after in pairwise(thresholds)):
        raise SettingError("thresholds", "falling numbers", f"{list(thresholds)}")
    passed = fixed_sequence((p_value(confidences >= each) for each in thresholds), alpha)
    refused = thresholds[passed] if passed < len(thresholds) else None
    if not passed:
        return CertifiedThreshold(math.inf, 1.0, None, refused), None
    sure = confidences >= thresholds[passed - 1]
    found = CertifiedThreshold(thresholds[passed - 1], float(np.mean(~sure)), None, refused)
    return found, sure


def _check(confidences: Floats, others: dict[str, Bools]) -> None:
    if confidences.ndim != 1 or not confidences.size:
        shape = f"shape {list(confidences.shape)}"
        raise SettingError("confidences", "one number for each example", shape)
    for name, array in others.items():
        if array.dtype != np.bool_ or array.shape != confidences.shape:
            got = f"{array.dtype}{list(array.shape)}"
            raise SettingError(name, f"bool[{confidences.size}]", got)

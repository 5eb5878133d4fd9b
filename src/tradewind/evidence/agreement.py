"""The exact test of how often two models answer differently, which needs no labels.

Since |drop| <= P(f != g), showing that the disagreement is below a margin shows that the drop is,
whatever the labels are. It cannot show a margin that is smaller than the disagreement.
"""

import numpy as np

from tradewind.evidence.binomial import binomial_cdf, upper_limit
from tradewind.evidence.limits import alpha_of, check_count, check_max_drop


def agreement_p_value(disagreements: int, n: int, max_drop: float) -> float:
    """Return the exact p-value against "they disagree with probability max_drop or more".

    p = P(K <= disagreements), K ~ Binomial(n, max_drop).

    Args:
        disagreements: examples on which the answers differ, 0..n.
        n: examples, 1 or more.
        max_drop: margin, 0 < max_drop < 1.

    Returns:
        0 to 1.

    Raises:
        SettingError: an argument is outside its range.
    """
    _check(disagreements, n)
    check_max_drop(max_drop, zero_allowed=False)
    return float(binomial_cdf(np.array(disagreements), np.array(n), np.array(max_drop)))


def disagreement_upper_bound(disagreements: int, n: int, confidence: float) -> float:
    """Return the one-sided Clopper-Pearson upper bound of the disagreement.

    Args:
        disagreements: examples on which the answers differ, 0..n.
        n: examples, 1 or more.
        confidence: probability, at least, with which the bound covers P(f != g).

    Returns:
        0 to 1.

    Raises:
        SettingError: an argument is outside its range.

    Source: Clopper and Pearson, Biometrika 26 (1934).
    """
    _check(disagreements, n)
    return upper_limit(disagreements, n, alpha_of(confidence))


def _check(disagreements: int, n: int) -> None:
    check_count("n", n, 1)
    check_count("disagreements", disagreements, 0, n)

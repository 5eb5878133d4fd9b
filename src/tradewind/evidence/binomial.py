"""Tails of the binomial distribution, through the incomplete beta function."""

from typing import cast

import numpy as np
import numpy.typing as npt
import scipy

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def binomial_cdf(k: Integers, n: Integers, p: Floats) -> Floats:
    """Return P(K <= k) for K ~ Binomial(n, p).

    P(K <= k) = I_{1-p}(n - k, k + 1), I being the regularised incomplete beta function.

    Args:
        k: int64[...], -1 or more; -1 gives 0 and k >= n gives 1.
        n: int64[...], broadcast against `k`.
        p: float64[...], probabilities, broadcast against both.

    Returns:
        float64[...].

    Source: DLMF 8.17.5.
    """
    inside = np.clip(k, 0, np.maximum(n - 1, 0))
    tail = scipy.special.betainc(np.maximum(n - inside, 1), inside + 1, 1.0 - p)
    return cast(Floats, np.where(k < 0, 0.0, np.where(k >= n, 1.0, tail)))


def binomial_pmf(k: Integers, n: int | Integers, p: Floats) -> Floats:
    """Return P(K = k) for K ~ Binomial(n, p).

    Args:
        k: int64[...], 0..n.
        n: number of trials, or int64[...] broadcast against `k`.
        p: float64[...], probabilities, broadcast against both.

    Returns:
        float64[...], relative error near 1e-15 * n * log(n).
    """
    log_choose = (
        scipy.special.gammaln(n + 1)
        - scipy.special.gammaln(k + 1)
        - scipy.special.gammaln(n - k + 1)
    )
    between = np.clip(p, 1e-300, 1.0 - 2.0**-53)  # keeps 0 * log(0) out, below any rounding
    log_mass = log_choose + k * np.log(between) + (n - k) * np.log1p(-between)
    return cast(Floats, np.exp(log_mass))


def lower_limit(k: int, n: int, alpha: float) -> float:
    """Return the one-sided Clopper-Pearson lower limit of a probability.

    The p at which P(K >= k) = alpha; 0 when k = 0. It is exceeded by chance with probability
    at most `alpha`.

    Source: Clopper and Pearson, Biometrika 26 (1934).
    """
    return 0.0 if k == 0 else float(scipy.special.betaincinv(k, n - k + 1, alpha))


def upper_limit(k: int, n: int, alpha: float) -> float:
    """Return the one-sided Clopper-Pearson upper limit of a probability.

    The p at which P(K <= k) = alpha; 1 when k = n.

    Source: Clopper and Pearson, Biometrika 26 (1934).
    """
    return 1.0 if k == n else float(scipy.special.betainccinv(k + 1, n - k, alpha))

"""How many examples a certificate is likely to need."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, final

import numpy as np
import numpy.typing as npt
import scipy

from tradewind.errors import SettingError
from tradewind.evidence.agreement import agreement_p_value
from tradewind.evidence.binomial import binomial_cdf, binomial_pmf
from tradewind.evidence.limits import alpha_of, check_max_drop, check_share
from tradewind.evidence.losses import Paired, PairedLosses
from tradewind.evidence.paired import PairedCounts, drop_p_value, is_non_inferior
from tradewind.evidence.region import FavourableRegion, approximate_limit

_ENUMERATED_UP_TO: Final = 100  # expected disagreements; beyond, the power is within 0.02
_CALIBRATED_UP_TO: Final = 5_000  # beyond, the normal approximation is within 1%
_CLOSE_ENOUGH: Final = 0.01  # relative change in n at which the search ends
_DRAWS: Final = 4_000

_LEANING: Final = 10.0
"""Of disagreements d, a share of 1 - exp(-10 d) / 2 are losses: a half where there are few, three
quarters at 7%. So it was, within a tenth, with variants of networks for images, sound and text."""
_KNOWN: Final = 40.0
"""Disagreements as many as this knowledge is worth."""
_OTHERS: Final = 0.2
"""Share of the variants of which it does not hold."""

Counts = npt.NDArray[np.int64]
"""int64[draws], of examples."""


def minimum_examples(max_drop: float, confidence: float) -> int:
    """Return the least n at which a variant that never disagrees is certified.

    The least n with p(0, 0) <= alpha; about ln(1 / alpha) / max_drop.

    Args:
        max_drop: margin, 0 < max_drop < 1.
        confidence: 1 - alpha.

    Raises:
        SettingError: an argument is outside its range.
    """
    alpha = alpha_of(confidence)
    check_max_drop(max_drop, zero_allowed=False)
    n = max(1, math.floor(math.log(alpha) / math.log1p(-max_drop)))
    while drop_p_value(PairedCounts(n, 0, 0), max_drop, confidence) > alpha:
        n += 1
    return n


def examples_needed(
    disagreement: float, drop: float, max_drop: float, confidence: float, power: float = 0.8
) -> int | None:
    """Return the number of labelled examples at which a certificate would likely succeed.

    About the least n at which P(certified) >= power when p_b = (disagreement + drop) / 2 and
    p_c = (disagreement - drop) / 2. Up to 100 expected disagreements the exact test is run on all
    likely outcomes; up to 5,000 on those near its critical value; then Wald's formula is used.

    Args:
        disagreement: share of examples on which just one of the two is right, 0..1.
        drop: true drop, -disagreement..disagreement.
        max_drop: margin, 0 <= max_drop < 1.
        confidence: 1 - alpha of the certificate.
        power: probability of success, 0 < power < 1.

    Returns:
        At least `minimum_examples`; None when the drop is max_drop or more, because then no
        number of examples helps.

    Raises:
        SettingError: an argument is outside its range.
    """
    alpha = alpha_of(confidence)
    check_max_drop(max_drop)
    check_share("disagreement", disagreement)
    _check_power(power)
    if abs(drop) > disagreement:
        raise SettingError("drop", f"at most the disagreement, {disagreement}", f"{drop}")
    if drop >= max_drop:
        return None
    least = minimum_examples(max_drop, confidence) if max_drop > 0.0 else 1
    plan = _Plan(disagreement, drop, max_drop, confidence)
    n = max(least, plan.approximate(alpha, power))
    for _ in range(4):
        if n * disagreement > _CALIBRATED_UP_TO:
            break
        previous, n = n, max(least, plan.least_n(plan.excess(n), power, n))
        if abs(n - previous) <= _CLOSE_ENOUGH * n:
            break
    while n * disagreement <= _ENUMERATED_UP_TO and plan.power(n) < power:
        n = math.ceil(n * (1.0 + _CLOSE_ENOUGH))
    return n


def agreement_examples_needed(
    disagreement: float, max_drop: float, confidence: float, power: float = 0.8
) -> int | None:
    """Return the number of unlabelled examples at which agreement would likely be certified.

    The least n at which Binomial(n, disagreement) is, with probability `power`, small enough for
    `agreement_p_value` to be at most alpha.

    Args:
        disagreement: true share of examples on which the answers differ, 0..1.
        max_drop: margin, 0 < max_drop < 1.
        confidence: 1 - alpha of the certificate.
        power: probability of success, 0 < power < 1.

    Returns:
        None when the disagreement is max_drop or more, because then no number of examples helps.

    Raises:
        SettingError: an argument is outside its range.
    """
    alpha = alpha_of(confidence)
    check_max_drop(max_drop, zero_allowed=False)
    check_share("disagreement", disagreement)
    _check_power(power)
    if disagreement >= max_drop:
        return None

    def least_n(allowed: int) -> int:
        return _least(lambda n: agreement_p_value(min(allowed, n), n, max_drop) <= alpha, 1)

    def is_likely(allowed: int) -> bool:
        n, k = np.array(least_n(allowed)), np.array(allowed)
        return bool(binomial_cdf(k, n, np.array(disagreement)) >= power)

    return least_n(_least(is_likely, 0))


def passing_probability(
    paired: Paired, n: int, max_drop: float, confidence: float, *, has_truth: bool = False
) -> float:
    """Return how likely a certificate on `n` other examples is, by what was seen on these.

    What is not known about the rates is averaged over: they are drawn from their distribution
    given these examples, with Jeffreys' prior. A variant that did better than the original is
    taken to be as good: among many that were tried, some are lucky.

    Where labels tell right from wrong, it is known beforehand how many of the disagreements are
    losses: small errors turn about as many answers from wrong to right as from right to wrong,
    large ones turn mostly right ones (see `_LEANING`). That counts as much as some disagreements
    that were seen, so that few of them, by luck, do not decide; but what was seen may also show
    that it does not hold here.

    It helps to put tests into an order, and proves nothing.

    Args:
        paired: from a random part of the same examples.
        n: examples of the certificate, or groups of them.
        max_drop: margin, 0 <= max_drop < 1.
        confidence: 1 - alpha of the certificate.
        has_truth: whether answers were counted as right by labels, so that a variant may be right
            where the original is not.

    Returns:
        0 to 1; approximate, and the same for the same arguments.

    Raises:
        SettingError: `max_drop` or `confidence` is outside its range.
    """
    quantile = NormalDist().inv_cdf(1.0 - alpha_of(confidence))
    check_max_drop(max_drop)
    random = np.random.default_rng(0)
    if isinstance(paired, PairedLosses):
        spread = math.sqrt(paired.variance)
        mean = np.maximum(random.normal(paired.drop, spread / math.sqrt(paired.n), _DRAWS), 0.0)
        found = n * mean + random.normal(0.0, spread * math.sqrt(n), _DRAWS)
        limits = found + quantile * math.sqrt(n * spread**2 + quantile**2)
    else:
        draw = _turned if has_truth else _lost
        worse, better = draw(paired, n, random)
        limits = worse - better + quantile * np.sqrt(worse + better + quantile**2)
    return float(np.mean(limits < n * max_drop))


def _lost(seen: PairedCounts, n: int, random: np.random.Generator) -> tuple[Counts, Counts]:
    """Draw how many of `n` examples get worse, and how many better, each by a rate of its own."""
    rates = [
        random.beta(count + 0.5, seen.n - count + 0.5, _DRAWS)
        for count in (seen.worse, seen.better)
    ]
    even = (rates[0] + rates[1]) / 2.0
    worse, better = (
        random.binomial(n, np.where(rates[0] < rates[1], even, rate)) for rate in rates
    )
    return worse, better


def _turned(seen: PairedCounts, n: int, random: np.random.Generator) -> tuple[Counts, Counts]:
    """Draw the same where disagreements turn either way, as far as is known of such variants."""
    worse, better = seen.worse, seen.better
    disagreement = random.beta(worse + better + 0.5, seen.n - worse - better + 0.5, _DRAWS)
    usual = _KNOWN * np.stack([_losses(disagreement), 1.0 - _losses(disagreement)])
    share = random.beta(worse + usual[0], better + usual[1])
    # or it is like none of them, and all that is known are these examples
    mean = _KNOWN * float(_losses(np.array((worse + better) / seen.n)))
    usually = _log_likelihood(worse, better, mean, _KNOWN - mean)
    otherwise = _log_likelihood(worse, better, 0.5, 0.5)
    odds = (1.0 - _OTHERS) / _OTHERS * math.exp(min(usually - otherwise, 100.0))
    is_other = random.random(_DRAWS) < 1.0 / (1.0 + odds)
    own = np.maximum(random.beta(worse + 0.5, better + 0.5, _DRAWS), 0.5)
    differing = random.binomial(n, disagreement)
    lost = random.binomial(differing, np.where(is_other, own, share))
    return lost, differing - lost


def _losses(disagreement: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return which share of the disagreements are usually losses."""
    return np.asarray(1.0 - np.exp(-_LEANING * disagreement) / 2.0)


def _log_likelihood(worse: int, better: int, a: float, b: float) -> float:
    """Return that of the counts, whose share was drawn from Beta(a, b)."""
    return float(scipy.special.betaln(worse + a, better + b) - scipy.special.betaln(a, b))


@final
@dataclass(frozen=True)
class _Plan:
    """What is expected of a variant, with what is to be shown about it."""

    disagreement: float
    drop: float
    max_drop: float
    confidence: float

    def approximate(self, alpha: float, power: float) -> int:
        """Return n by the normal approximation: (z_alpha + z_power)**2 v / (max_drop - drop)**2."""
        normal = NormalDist()
        reach = normal.inv_cdf(1.0 - alpha) + normal.inv_cdf(power)
        variance = self.disagreement - self.drop**2
        return math.ceil(max(reach, 1.0) ** 2 * variance / (self.max_drop - self.drop) ** 2)

    def is_certified(self, n: int, worse: int, better: int) -> bool:
        """Say whether the exact test succeeds on one outcome."""
        return worse + better <= n and is_non_inferior(
            PairedCounts(n, worse, better), self.max_drop, self.confidence
        )

    def power(self, n: int) -> float:
        """Return the probability of success: sum of P(C = c) P(B <= largest b certified | C = c).

        The c that are left out, on the far sides, have a probability below 1e-5.
        """
        p_worse = (self.disagreement + self.drop) / 2.0
        p_better = (self.disagreement - self.drop) / 2.0
        reach = 5.0 * math.sqrt(n * p_better) + 5.0
        first, last = max(0, int(n * p_better - reach)), min(n, int(n * p_better + reach))
        better = np.arange(first, last + 1)
        worse = np.empty_like(better)
        largest = -1
        for index, c in enumerate(better.tolist()):
            while self.is_certified(n, largest + 1, c):
                largest += 1
            worse[index] = min(largest, n - c)
        among_rest = np.array(p_worse / (1.0 - p_better) if p_better < 1.0 else 0.0)
        success = binomial_cdf(worse, n - better, among_rest)
        return float((binomial_pmf(better, n, np.array(p_better)) * success).sum())

    def excess(self, n: int) -> float:
        """Return by how much the exact test's critical value at n exceeds n * max_drop.

        The critical value lies midway between the last outcome that is certified and the first
        that is not, when worse examples are added to the expected number of better ones.
        """
        better = round(n * (self.disagreement - self.drop) / 2.0)
        first = _least(lambda worse: not self.is_certified(n, worse, better), 0)
        last = approximate_limit(first - 1, better, self._quantile()) if first else -float(n)
        middle = (last + approximate_limit(first, better, self._quantile())) / 2.0
        return middle - n * self.max_drop

    def least_n(self, excess: float, power: float, start: int) -> int:
        """Return the least n, from half of `start` on, whose power suffices for that excess."""
        p_worse = np.array([(self.disagreement + self.drop) / 2.0])
        p_better = np.array([(self.disagreement - self.drop) / 2.0])

        def is_likely(n: int) -> bool:
            region = FavourableRegion(n, n * self.max_drop + excess, self._quantile())
            return bool(region.probability(p_worse, p_better)[0] >= power)

        return _least(is_likely, max(1, start // 2))

    def _quantile(self) -> float:
        return NormalDist().inv_cdf(self.confidence)


def _check_power(power: float) -> None:
    if not 0.0 < power < 1.0:
        raise SettingError("power", "a probability between 0 and 1", f"{power}")


def _least(is_enough: Callable[[int], bool], start: int) -> int:
    """Return the least integer from `start` on that is enough, when all larger ones are too."""
    if is_enough(start):
        return start
    step = 1
    while not is_enough(start + step):
        step *= 2
    low, high = start + step // 2, start + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high

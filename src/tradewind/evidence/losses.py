"""The test of a rise in any loss between 0 and 1, example by example or group by group.

The differences in loss are played in an order fixed beforehand, by the bets of `betting`. Those
bets stay the same for every margin that is asked about, so that the p-value never rises with the
margin, and the margins that are rejected are all those above one: an upper confidence bound.
"""

import math
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Final, Literal, Self, final

import numpy as np
import numpy.typing as npt

from tradewind.errors import SettingError
from tradewind.evidence.betting import LARGEST_LOSS, planned_bets
from tradewind.evidence.binomial import Floats
from tradewind.evidence.limits import alpha_of, check_max_drop
from tradewind.evidence.paired import PairedCounts

Unit = Literal["example", "group"]

_LEFT: Final = 0.02  # of the wealth, at the least, after one bet at the least margin asked about
_STEPS: Final = 40  # of a bisection: 1e-12 of the range
_TUNING: Final = 1.05  # for examples that pass until the bets know the variance


@final
@dataclass(frozen=True, eq=False)
class PairedLosses:
    """How much more two models lose on the same examples or groups.

    Args:
        differences: float64[n] in [-1, 1], loss of the variant minus loss of the original, in
            an order that nothing in them decided; of a group, the mean over its examples.
        unit: what one of them stands for.

    Raises:
        SettingError: there are none, or one is outside [-1, 1].
    """

    differences: Floats = field(repr=False)
    unit: Unit = "example"

    def __post_init__(self) -> None:
        found = self.differences
        if found.ndim != 1 or not found.size or not np.all(np.abs(found) <= 1.0):
            raise SettingError(
                "differences",
                "one or more numbers in [-1, 1]",
                f"{found.dtype}{list(found.shape)}",
                "divide losses by their largest possible value first.",
            )

    @classmethod
    def by_group(cls, differences: Floats, groups: npt.NDArray[np.int64]) -> Self:
        """Average the differences of each group, in the order in which the groups begin.

        Examples of one group are not independent of each other: frames of a video, requests of
        a user. A group counts as one, however many examples it has.

        Args:
            differences: float64[k], of each example.
            groups: int64[k], to which group each belongs.
        """
        _, first, number = np.unique(groups, return_index=True, return_inverse=True)
        means = np.bincount(number, differences) / np.bincount(number)
        return cls(means[np.argsort(first)], "group")

    @property
    def n(self) -> int:
        """How many examples or groups."""
        return self.differences.size

    @property
    def worse(self) -> int:
        """On how many the variant loses more."""
        return int(np.count_nonzero(self.differences > 0))

    @property
    def better(self) -> int:
        """On how many it loses less."""
        return int(np.count_nonzero(self.differences < 0))

    @property
    def drop(self) -> float:
        """The mean difference."""
        return float(self.differences.mean())

    @property
    def disagreement(self) -> float:
        """The share on which the losses differ."""
        return (self.worse + self.better) / self.n

    @property
    def variance(self) -> float:
        """Of the differences."""
        return float(self.differences.var())


Paired = PairedCounts | PairedLosses
"""What two models did on the same examples: right or wrong, or how much they lost."""


def losses_p_value(losses: PairedLosses, max_drop: float, confidence: float = 0.95) -> float:
    """Return a valid p-value against "the mean difference is max_drop or more".

    One over the highest wealth of a player who bets against it; the expected number of examples
    that tunes the bets is the number there are.

    Args:
        losses: independent of each other, in an order fixed beforehand.
        max_drop: margin, 0 <= max_drop < 1.
        confidence: 1 - alpha at which the test should be strongest.

    Raises:
        SettingError: `max_drop` or `confidence` is outside its range.

    Source: Waudby-Smith and Ramdas, JRSS-B 86 (2024).
    """
    return _Player(losses, max_drop, confidence).p_value(max_drop)


def losses_upper_bound(losses: PairedLosses, max_drop: float, confidence: float) -> float:
    """Return an upper confidence bound of the mean difference, sharpest near `max_drop`.

    The least margin that the bets made for `max_drop` reject, rounded up; it agrees with
    `losses_p_value` at `max_drop`.

    Returns:
        At most 1. No margin further below `max_drop` is asked about than the bets allow, so it
        may stay above the mean difference even for very many examples.

    Raises:
        SettingError: `max_drop` or `confidence` is outside its range.
    """
    alpha = alpha_of(confidence)
    player = _Player(losses, max_drop, confidence)
    low, high = player.least_margin, 1.0
    if player.p_value(low) <= alpha:
        return low
    if player.p_value(high) > alpha:
        return high
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if player.p_value(middle) <= alpha:
            high = middle
        else:
            low = middle
    return high


def losses_examples_needed(
    variance: float, drop: float, max_drop: float, confidence: float, power: float = 0.8
) -> int | None:
    """Return about how many examples or groups a certificate of losses is likely to need.

    A bet of the share l of the wealth wins l (max_drop - drop) - l^2 variance / 2 in the
    logarithm on average; the formula takes the best l and adds what the chance of the draw asks
    for, and the same for the largest l that is bet where the best would be larger. Simulated, it
    reaches 0.85 to 1 where 0.8 is asked for.

    Args:
        variance: of the differences.
        drop: their mean.
        max_drop: margin.
        confidence: 1 - alpha of the certificate.
        power: probability of success.

    Returns:
        None when the drop is max_drop or more.

    Raises:
        SettingError: `max_drop` or `confidence` is outside its range.
    """
    check_max_drop(max_drop, zero_allowed=False)
    goal = math.log(1.0 / alpha_of(confidence))
    gap = max_drop - drop
    if gap <= 0:
        return None
    chance = NormalDist().inv_cdf(power)
    root = chance + math.sqrt(chance * chance + 2.0 * goal)
    best = variance * (root / gap) ** 2
    # n wins of the largest bet, less what n draws may fall short of them, must reach the goal
    win, short = math.log1p(LARGEST_LOSS * gap), chance * LARGEST_LOSS * math.sqrt(variance)
    largest = ((short + math.sqrt(short * short + 4.0 * win * goal)) / (2.0 * win)) ** 2
    return math.ceil(math.hypot(best, largest) * _TUNING)


@final
class _Player:
    """The bets against one margin, evaluated at others."""

    def __init__(self, losses: PairedLosses, max_drop: float, confidence: float) -> None:
        check_max_drop(max_drop)
        self._differences = losses.differences
        self._bets = planned_bets(losses.differences, max_drop, losses.n, confidence)
        # every bet must leave something of the wealth, whatever the next difference is
        self.least_margin = max(1.0 - (1.0 - _LEFT) / float(self._bets.max()), -1.0)

    def p_value(self, margin: float) -> float:
        """Return one over the highest wealth; it never rises with the margin."""
        growth = np.cumsum(np.log1p(self._bets * (margin - self._differences)))
        return math.exp(-max(float(growth.max()), 0.0))

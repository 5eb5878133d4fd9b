"""A test that may be looked at after every example: wealth from betting against a drop.

Against "the mean of D is max_drop or more", a player who bets the share l_i >= 0, chosen before
D_i is seen, has the wealth

    E_n = product over i of (1 + l_i * (max_drop - D_i)),

which under the hypothesis does not grow on average, so it ever reaches 1 / alpha with probability
at most alpha, whenever one stops (Ville 1939).
"""

import math
from dataclasses import dataclass, field
from typing import Final, final

import numpy as np
import numpy.typing as npt

from tradewind.errors import SettingError
from tradewind.evidence.binomial import Floats
from tradewind.evidence.limits import alpha_of, check_count, check_max_drop

LARGEST_LOSS: Final = 0.8  # of the wealth, in one bet; 0.6 needs 1.6 times the small differences
_LARGEST_EXPONENT: Final = 700.0  # exp of more than 709 overflows


@final
@dataclass
class BettingTest:
    """The wealth of one player against "the mean difference in loss is max_drop or more".

    The bets are l_i = min(sqrt(2 ln(1 / alpha) / (v_i N)), 0.8 / (1 - max_drop)), where v_i is the
    variance of the differences before the i-th, started from one imagined difference of variance
    1, while N is `expected_examples`, doubled whenever it is passed. The bets decide only how soon
    the test succeeds; it is valid with any settings and at any time.

    The order of the examples matters: fix it (by a seed, or by time) before looking at any.

    Args:
        max_drop: margin, 0 <= max_drop < 1, in units of the loss.
        expected_examples: number of examples at which the test should be strongest.
        confidence: 1 - alpha at which the test should be strongest.

    Raises:
        SettingError: an argument is outside its range.

    Source: Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting,
    JRSS-B 86 (2024): the capital process with predictable plug-in bets.
    """

    max_drop: float
    expected_examples: int = 2000
    confidence: float = 0.95
    n: int = field(default=0, init=False)
    _total: float = field(default=0.0, init=False)
    _total_squares: float = field(default=0.0, init=False)
    _log_wealth: float = field(default=0.0, init=False)
    _highest_log_wealth: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        check_max_drop(self.max_drop)
        check_count("expected_examples", self.expected_examples, 1)
        alpha_of(self.confidence)

    def update(self, differences: npt.ArrayLike) -> None:
        """Play the next examples, in order.

        Args:
            differences: float[k] or a number, loss of the variant minus loss of the original,
                each in [-1, 1].

        Raises:
            SettingError: a difference is outside [-1, 1] or not a number; nothing is played then.
        """
        seen = np.atleast_1d(np.asarray(differences, dtype=np.float64)).ravel()
        if not np.all(np.abs(seen) <= 1.0):
            worst = seen[~(np.abs(seen) <= 1.0)][0]
            hint = "divide losses by their largest possible value first."
            raise SettingError("differences", "numbers in [-1, 1]", f"{worst}", hint)
        if seen.size == 0:
            return
        growth = np.cumsum(np.log1p(self._bets(seen) * (self.max_drop - seen)))
        self._highest_log_wealth = max(
            self._highest_log_wealth, self._log_wealth + float(growth.max())
        )
        self._log_wealth += float(growth[-1])
        self._total += float(seen.sum())
        self._total_squares += float(np.square(seen).sum())
        self.n += seen.size

    def _bets(self, seen: Floats) -> Floats:
        """Return the bet on each difference, from those before it only."""
        before = self.n + np.arange(seen.size)
        total = self._total + np.cumsum(seen) - seen
        squares = self._total_squares + np.cumsum(np.square(seen)) - np.square(seen)
        variance = (1.0 + squares) / (before + 1.0) - np.square(total / (before + 1.0))
        passed = np.maximum((before + 1.0) / self.expected_examples, 1.0)
        horizon = self.expected_examples * np.exp2(np.ceil(np.log2(passed)))
        log_goal = math.log(1.0 / alpha_of(self.confidence))
        bets: Floats = np.sqrt(2.0 * log_goal / (np.maximum(variance, 1e-12) * horizon))
        return np.minimum(bets, LARGEST_LOSS / (1.0 - self.max_drop))

    @property
    def e_value(self) -> float:
        """The wealth now, having started with 1; its mean under the hypothesis is at most 1."""
        return math.exp(min(self._log_wealth, _LARGEST_EXPONENT))

    @property
    def p_value(self) -> float:
        """One over the highest wealth so far: a p-value that is valid at every moment."""
        return math.exp(-self._highest_log_wealth)

    def rejected(self, confidence: float) -> bool:
        """Say whether the mean is shown to be less than max_drop, at any moment up to now.

        Raises:
            SettingError: `confidence` is outside its range.
        """
        return self.p_value <= alpha_of(confidence)


def planned_bets(
    differences: Floats, max_drop: float, expected_examples: int, confidence: float
) -> Floats:
    """Return what a fresh player bets on each difference, from those before it only.

    Args:
        differences: float64[n] in [-1, 1], in an order fixed beforehand.
        max_drop: margin, 0 <= max_drop < 1.
        expected_examples: number of examples at which the test should be strongest.
        confidence: 1 - alpha at which the test should be strongest.

    Returns:
        float64[n]; 1 + bet * (max_drop - difference) is 0.2 or more for every difference.

    Raises:
        SettingError: an argument is outside its range.
    """
    return BettingTest(max_drop, expected_examples, confidence)._bets(differences)

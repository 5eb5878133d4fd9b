"""Many hypotheses at one error probability, tested in an order fixed beforehand."""

from collections.abc import Iterable

from tradewind.errors import SettingError


def fixed_sequence(p_values: Iterable[float], alpha: float) -> int:
    """Return how many leading hypotheses are rejected, stopping at the first that is not.

    Each is tested at the full alpha. The probability of rejecting any true hypothesis is at most
    alpha, because all errors follow on the first true one. The order must not depend on the data
    that the p-values come from.

    Args:
        p_values: in the fixed order; nothing after the first failure is ever computed.
        alpha: probability allowed for any false rejection, 0 < alpha < 1.

    Raises:
        SettingError: `alpha` is outside (0, 1), or a p-value is outside [0, 1].

    Source: Maurer, Hothorn and Lehmacher (1995); fixed-sequence testing in Angelopoulos et al.,
    Learn then Test, 2021.
    """
    if not 0.0 < alpha < 1.0:
        raise SettingError("alpha", "a probability between 0 and 1", f"{alpha}")
    rejected = 0
    for p_value in p_values:
        if not 0.0 <= p_value <= 1.0:
            raise SettingError(f"p_values[{rejected}]", "a number from 0 to 1", f"{p_value}")
        if p_value > alpha:
            break
        rejected += 1
    return rejected

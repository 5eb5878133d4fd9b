"""The ranges that the arguments of a test must lie in."""

from typing import Final

from tradewind.errors import SettingError

LOWEST_CONFIDENCE: Final = 0.5
HIGHEST_CONFIDENCE: Final = 0.9999  # beyond it numerical slack would be a visible share of alpha


def alpha_of(confidence: float) -> float:
    """Return the error probability that a confidence leaves.

    alpha = 1 - confidence, rounded to 12 decimals so that 0.95 gives 0.05.

    Raises:
        SettingError: `confidence` is outside 0.5..0.9999.
    """
    if not LOWEST_CONFIDENCE <= confidence <= HIGHEST_CONFIDENCE:
        raise SettingError(
            "confidence",
            f"a number from {LOWEST_CONFIDENCE} to {HIGHEST_CONFIDENCE}",
            f"{confidence}",
            "0.95 is the usual choice; write 95% as 0.95.",
        )
    return round(1.0 - confidence, 12)


def check_max_drop(max_drop: float, *, zero_allowed: bool = True) -> None:
    """Refuse a margin that no test can be run against.

    Raises:
        SettingError: `max_drop` is outside [0, 1), or is 0 where only a positive margin works.
    """
    if not 0.0 <= max_drop < 1.0 or (max_drop == 0.0 and not zero_allowed):
        least = "0 or more" if zero_allowed else "more than 0"
        raise SettingError(
            "max_drop",
            f"{least} but less than 1",
            f"{max_drop}",
            "write one percentage point as 0.01.",
        )


def check_share(where: str, share: float) -> None:
    """Refuse a number that is not a share of the examples.

    Raises:
        SettingError: `share` is outside [0, 1].
    """
    if not 0.0 <= share <= 1.0:
        raise SettingError(where, "a share from 0 to 1", f"{share}", "write 2% as 0.02.")


def check_count(where: str, count: int, least: int, most: int | None = None) -> None:
    """Refuse a count that is too small or too large.

    Raises:
        SettingError: `count` is below `least` or above `most`.
    """
    if count < least or (most is not None and count > most):
        limits = f"{least} or more" if most is None else f"{least} to {most}"
        raise SettingError(where, f"a count of {limits}", f"{count}")

"""Under which conditions the finalists were timed."""

from tradewind.measure import Conditions
from tradewind.report import numbers


def described(found: Conditions) -> str:
    """Say what may have moved the times."""
    pinned = "all" if len(found.cores) == found.of_cores else "cores " + _listed(found.cores)
    parts = [
        f"ran on {pinned} of {found.of_cores:,} cores",
        *(["virtual machine"] if found.is_virtual else []),
        f"clock governor {found.governor or 'not told'}",
        f"turbo {_TURBO[found.turbo]}",
    ]
    if found.mhz is not None:
        low, high = found.mhz
        seen = f"{low:,.0f}" if round(low) == round(high) else f"{low:,.0f} to {high:,.0f}"
        parts.append(f"{seen} MHz seen")
    return "; ".join(
        [
            *parts,
            f"load average {found.load_average:.2f} before",
            f"other programs took {found.others:.2f} cores",
            f"{found.busy_processes:,} other busy processes seen",
            f"{numbers.share(found.stolen)} of the time went to other machines",
        ]
    )


_TURBO = {True: "on", False: "off", None: "not told"}


def short(found: Conditions) -> str:
    """Say in a word or two whether the machine was quiet."""
    return "busy" if found.is_busy else "quiet"


def warning(found: Conditions | None) -> str:
    """Say that the machine was not quiet; empty when it was, or nobody looked."""
    if found is None or not found.is_busy:
        return ""
    return (
        f"while the finalists were timed, other programs took {found.others:.2f} of "
        f"{len(found.cores):,} cores and {numbers.share(found.stolen)} of the time went to other "
        "machines: times are longer and intervals wider than on a quiet machine. The comparison "
        "holds, since all took turns."
    )


def _listed(cores: tuple[int, ...]) -> str:
    few = ", ".join(map(str, cores[:8]))
    return few if len(cores) <= 8 else f"{few} and {len(cores) - 8} more,"

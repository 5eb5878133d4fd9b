"""Which of many refusals say most about what went wrong."""

import re
from collections.abc import Sequence

from tradewind.bundle import Refusal

# what a reason measures, the most surprising first; whatever else is said comes after
_MEASURES = (
    re.compile(r"(\d[\d,.]*)%"),  # answers lost
    re.compile(r"(\d[\d,.]*) times"),  # time or memory needed
    re.compile(r"(\d[\d,.]*) M[BW]|(\d[\d,.]*) ms"),  # a limit that was broken
)


def telling(refusals: Sequence[Refusal], count: int = 3) -> list[Refusal]:
    """Return a few refusals of different kinds, the most surprising first.

    Reasons are of one kind when they begin with the same two words; of each kind the one with
    the largest number stands for all.
    """
    ranked = sorted(refusals, key=_rank)
    kinds: dict[str, Refusal] = {}
    for refusal in ranked:
        kinds.setdefault(" ".join(refusal.why.split()[:2]), refusal)
    return list(kinds.values())[:count]


def _rank(refusal: Refusal) -> tuple[int, float]:
    if refusal.why.startswith(("not tried", "not tested")):
        return len(_MEASURES) + 1, 0.0
    for place, pattern in enumerate(_MEASURES):
        found = pattern.search(refusal.why)
        if found is not None:
            text = next(group for group in found.groups() if group)
            return place, -float(text.rstrip(".,").replace(",", "") or 0)
    return len(_MEASURES), 0.0

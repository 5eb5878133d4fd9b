"""Which of many refusals say most about what went wrong."""

import re
from collections.abc import Sequence

from tradewind.bundle import Refusal

_NUMBER = r"(\d[\d,]*(?:\.\d+)?)"
# what a reason measures, the most surprising first; whatever else is said comes after
_MEASURES = (
    re.compile(rf"{_NUMBER}%"),  # answers lost
    re.compile(rf"{_NUMBER} times"),  # time or memory needed
    re.compile(rf"{_NUMBER} (?:MB|ms)"),  # a limit that was broken
)


def telling(refusals: Sequence[Refusal], count: int = 3) -> list[Refusal]:
    """Return a few refusals of different kinds, the most surprising first.

    Reasons are of one kind when they begin with the same two words, numbers aside; of each kind
    the one with the largest number stands for all.
    """
    ranked = sorted(refusals, key=_rank)
    kinds: dict[str, Refusal] = {}
    for refusal in ranked:
        kinds.setdefault(" ".join(re.sub(r"\S*\d\S*", "", refusal.why).split()[:2]), refusal)
    return list(kinds.values())[:count]


def is_untried(refusal: Refusal) -> bool:
    """Say whether the search never came to a verdict, which is no fault of the variant."""
    return refusal.why.lower().startswith(("not tried", "not tested", "time ran out"))


def _rank(refusal: Refusal) -> tuple[int, float]:
    if is_untried(refusal):
        return len(_MEASURES) + 1, 0.0
    for place, pattern in enumerate(_MEASURES):
        found = pattern.search(refusal.why)
        if found is not None:
            return place, -float(found[1].replace(",", ""))
    return len(_MEASURES), 0.0

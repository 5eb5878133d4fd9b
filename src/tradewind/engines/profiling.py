"""What a runtime says about where the time of an answer went."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """Something that a runtime did in one go.

    Args:
        names: what the runtime calls it, and the nodes that it says are in it.
        kind: what it did, in the runtime's words.
        seconds: how long it took.
    """

    names: tuple[str, ...]
    kind: str
    seconds: float


def quickest(answers: Iterable[Iterable[Step]]) -> list[Step]:
    """Return the steps of one answer, each with the least that it took in any of several.

    What disturbs a measurement makes it slower, so the least is the nearest to the step itself. A
    step that occurs several times in an answer, as in a loop, is added up first.
    """
    seen: dict[tuple[tuple[str, ...], str], list[float]] = defaultdict(list)
    for steps in answers:
        took: dict[tuple[tuple[str, ...], str], float] = defaultdict(float)
        for step in steps:
            took[step.names, step.kind] += step.seconds
        for key, seconds in took.items():
            seen[key].append(seconds)
    return [Step(names, kind, min(took)) for (names, kind), took in seen.items()]

"""How much of what int8 costs is the doing of each layer."""

from collections.abc import Callable
from dataclasses import dataclass

from tradewind.passes.mixing.switching import Switched

_FIRST_GROUPS = 16


@dataclass(frozen=True)
class Sensitivity:
    """What each layer does to the answers when it alone is quantized.

    Args:
        total: the divergence of the quantized graph, `Switched.divergence`.
        damage: for every layer by name its own divergence; layers that were only measured
            together share theirs in equal parts.
        runs: how often the graph was run over all examples.
    """

    total: float
    damage: dict[str, float]
    runs: int


def sensitivity(
    switched: Switched, max_runs: int = 64, has_time: Callable[[], bool] = lambda: True
) -> Sensitivity:
    """Measure the damage of each layer, without labels and with a bounded number of runs.

    A layer is quantized alone, all others being in float: returning one layer of many that do
    damage would show nothing. First neighbours are measured together, in as many groups as
    `max_runs` surely allows; then the group that does most damage for its size is halved, again
    and again until the runs are used up.

    Args:
        switched: the graph with its switches.
        max_runs: runs over all examples, at least as many as there are first groups.
        has_time: is asked before every run; what was measured until it says no is returned.
    """
    names = [layer.name for layer in switched.layers]
    total = switched.divergence(())
    count = len(names) if len(names) < max_runs else min(_FIRST_GROUPS, max(max_runs // 2, 1))
    size = -(-len(names) // max(count, 1))
    waiting = [names[start : start + size] for start in range(0, len(names), max(size, 1))]
    measured: list[tuple[list[str], float]] = []
    while waiting:
        group = waiting.pop(0)
        if not has_time():
            measured.append((group, 0.0))
            continue
        measured.append((group, switched.divergence(set(names) - set(group))))
        if not waiting and switched.runs + 2 <= max_runs:
            waiting = _halves_of_worst(measured)
    damage = {name: harm / len(group) for group, harm in measured for name in group}
    return Sensitivity(total, {name: damage[name] for name in names}, switched.runs)


def _halves_of_worst(measured: list[tuple[list[str], float]]) -> list[list[str]]:
    """Take the most harmful group of several layers out and return its halves."""
    several = [entry for entry in measured if len(entry[0]) > 1 and entry[1] > 0]
    if not several:
        return []
    worst = max(several, key=lambda entry: entry[1] / len(entry[0]))
    measured.remove(worst)
    middle = len(worst[0]) // 2
    return [worst[0][:middle], worst[0][middle:]]

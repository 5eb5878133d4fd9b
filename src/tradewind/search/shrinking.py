"""Smaller graphs worth trying: on their own where they keep the budget, else as first stages."""

from dataclasses import replace

from tradewind.model import Model
from tradewind.passes import PASSES, Distil, DropBlocks, Pass, PruneChannels
from tradewind.search.settings import Effort

_WEIGHTED = ("Conv", "MatMul", "Gemm")
_TRAINED_SHARE = 0.35
"""Of the time that is left for making variants, for the training of one student."""

Recipe = tuple[Pass, ...]
"""Passes one after the other, from the graph that all variants start from."""


def recipes(model: Model, effort: Effort, left_s: float) -> list[Recipe]:
    """Return the smaller graphs to make, the likeliest to help first.

    Args:
        model: what would be shrunk.
        effort: quick makes none; thorough trains them too, where PyTorch is installed.
        left_s: seconds in which variants may be made.
    """
    kinds = {node.op_type for node in model.graph.graph.all_nodes()}
    if effort == "quick" or not kinds & set(_WEIGHTED):
        return []
    if effort == "normal":
        # few examples: what is left of the time is better spent on looking
        return [
            (PruneChannels(keep=0.35, examples=300),),
            (DropBlocks(keep=0.5, judged_on=64, examples=300),),
        ]
    smaller: list[Pass] = [PruneChannels(keep=0.25), DropBlocks(keep=0.4)]
    if Distil not in PASSES:  # PyTorch is not installed
        return [(step,) for step in (*smaller, PruneChannels(keep=0.5))]
    train = Distil(time_s=max(_TRAINED_SHARE * left_s, 10.0))
    return [(step, train) for step in smaller]


def within(step: Pass, left_s: float) -> Pass:
    """Return a step that ends by itself in the time that is left, where it can be told to."""
    if isinstance(step, Distil):
        return replace(step, time_s=min(step.time_s, 0.6 * left_s))
    return step


def limit_s(step: Pass, left_s: float) -> float:
    """Return the seconds after which a step is given up.

    Args:
        step: of a recipe.
        left_s: seconds in which variants may be made.
    """
    if isinstance(step, Distil):
        return min(left_s, 1.3 * step.time_s + 20.0)
    return 0.5 * left_s

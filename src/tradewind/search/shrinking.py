"""Smaller graphs worth trying: on their own where they keep the budget, else as first stages."""

from dataclasses import replace

from tradewind.model import Model
from tradewind.passes import PASSES, Distil, DropBlocks, Pass, PruneChannels, PruneTrees
from tradewind.search.candidates import Cut
from tradewind.search.settings import Effort

_WEIGHTED = ("Conv", "MatMul", "Gemm")
_TREES = ("TreeEnsembleRegressor", "TreeEnsembleClassifier")

_KEPT: dict[Effort, tuple[float, ...]] = {
    "quick": (),
    "normal": (0.1, 0.3),
    "thorough": (0.1, 0.3, 0.05, 0.5),
}
"""Shares of the trees."""

_HALF = 0.5
"""Of blocks, and of channels, stays before training: a quarter of ResNet-56's blocks, trained for
eight minutes, made a slower cascade than half of them did after one and a half."""
_ONLY = 0.7
"""Share of the time left that training one student takes where there is time for one only."""
_FIRST, _SECOND = 0.6, 0.4
"""The same where there is time for two; the second has to do with what the first has left."""
_BOTH_S = 600.0
"""Seconds from which on there is."""
_LEAST_TRAINING_S = 10.0
_LEARNED = 100_000
"""Examples and variants of them that a student learns from at most where there are few of them;
of more, so many rounds as `Distil` makes by itself."""
_SELDOM = 4
"""Rounds in which each variant comes once, where few examples have many variants."""
_MOST_VARIANTS = 64
_MOST = 0.8
"""Of the time left when training begins; looking at the student takes the rest."""
_PATIENCE = 0.5
"""Share of the time left after which a step that is no training is given up."""

Recipe = tuple[Pass, ...]
"""Passes one after the other, from the graph that all variants start from."""


def recipes(model: Model, effort: Effort, left_s: float, examples: int) -> list[Recipe]:
    """Return the smaller graphs to make, the likeliest to help first.

    Args:
        model: what would be shrunk.
        effort: quick makes none; thorough trains them too, where PyTorch is installed.
        left_s: seconds in which variants may be made.
        examples: to learn from.
    """
    kinds = {node.op_type for node in model.graph.graph.all_nodes()}
    if kinds & set(_TREES):
        return [(PruneTrees(keep=keep),) for keep in _KEPT[effort]]
    if effort == "quick" or not kinds & set(_WEIGHTED):
        return []
    if effort == "normal" or Distil not in PASSES:  # PyTorch is not installed
        # without training, what is cut further answers too little by itself to be a first stage
        return [(_fewer_blocks(0.6),), (PruneChannels(keep=0.5, examples=300),)]
    shares = (_FIRST, _SECOND) if left_s > _BOTH_S else (_ONLY, _ONLY)
    long, brief = (_training(share * left_s, examples) for share in shares)
    return [(_fewer_blocks(_HALF), long), (PruneChannels(keep=_HALF), brief)]


def again(recipe: Recipe, left_s: float, *, is_deep: bool = False) -> Recipe:
    """Return the recipe for what it has made itself: half of what is left goes, or a little less.

    Args:
        recipe: a cut, and training where there was any.
        left_s: seconds in which variants may be made.
        is_deep: whether as much goes at once as in two such cuts.
    """
    found: list[Pass] = []
    for step in recipe:
        if isinstance(step, Cut):
            keep = max(step.keep, 0.5)
            found.append(replace(step, keep=keep**2 if is_deep else keep))
        elif isinstance(step, Distil):
            found.append(replace(step, time_s=max(_SECOND * left_s, _LEAST_TRAINING_S)))
        else:
            found.append(step)
    return tuple(found)


def _fewer_blocks(keep: float) -> DropBlocks:
    """Return the pass with few examples: what is left of the time is better spent on looking."""
    return DropBlocks(keep=keep, judged_on=32, examples=300)


def _training(time_s: float, examples: int) -> Distil:
    """Return training for some time; of few examples more variants are made, and more rounds."""
    usual = Distil(time_s=max(time_s, _LEAST_TRAINING_S))
    epochs = max(_LEARNED // max(examples, 1), usual.epochs)
    if epochs == usual.epochs:
        return usual
    variants = min(max(epochs // _SELDOM, usual.variants), _MOST_VARIANTS)
    return replace(usual, epochs=epochs, variants=variants)


def within(step: Pass, left_s: float) -> Pass:
    """Return a step that ends by itself in the time that is left, where it can be told to."""
    if isinstance(step, Distil):
        return replace(step, time_s=min(step.time_s, _MOST * left_s))
    return step


def has_time(recipe: Recipe, left_s: float) -> bool:
    """Say whether what a recipe makes can be any good: half a training is wasted time."""
    return all(_MOST * left_s >= step.time_s / 2 for step in recipe if isinstance(step, Distil))


def limit_s(step: Pass, left_s: float) -> float:
    """Return the seconds after which a step is given up.

    Args:
        step: of a recipe.
        left_s: seconds in which variants may be made.
    """
    if isinstance(step, Distil):
        return min(left_s, 1.3 * step.time_s + 20.0)
    return _PATIENCE * left_s


def gave_up(before_s: float, left_s: float) -> bool:
    """Say whether what made nothing was given up, so that others with less time would be too.

    Args:
        before_s: seconds that were left when it began.
        left_s: seconds that are left now.
    """
    return left_s <= (1.0 - _PATIENCE) * before_s

"""From graphs on engines to one runner: alone, or as the stages of a cascade."""

import contextlib
from collections.abc import Sequence

from tradewind.engines.engine import Engine
from tradewind.model import Model
from tradewind.runners import Cascade, ConfidenceRule, Runner


def compile_stages(
    stages: Sequence[tuple[Model, Engine]], rules: Sequence[ConfidenceRule] = ()
) -> Runner:
    """Prepare one graph, or several as a cascade, for answering on this machine.

    Args:
        stages: the cheapest first, each with the engine that runs it.
        rules: which answers of each stage stand, except for the last, which always answers.

    Raises:
        UnsupportedModel: an engine cannot run its graph.
        SettingError: the stages do not fit each other.
    """
    with contextlib.ExitStack() as stack:
        runners = [stack.enter_context(engine.compile(model)) for model, engine in stages]
        if len(runners) == 1 and not rules:
            found = runners[0]
        else:
            found = Cascade(runners, rules, [_preferred(engine) for _, engine in stages])
        stack.pop_all()  # the runner that is returned closes them
        return found


def _preferred(engine: Engine) -> tuple[int, ...]:
    """Return the batch sizes for which an engine compiles code of their own."""
    sizes: tuple[int, ...] = getattr(engine, "batch_sizes", ())
    return sizes

"""How far an engine's answer is from the limit: the limit beside what was measured."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tradewind.engines import Engine
from tradewind.measure.roofline.layer_groups import LayerGroup
from tradewind.measure.roofline.limits import GroupLoad, Roofline, limits
from tradewind.measure.roofline.matching import seconds_by_group, with_names
from tradewind.measure.roofline.peaks import Peaks
from tradewind.model import Model
from tradewind.tensors import Tensors

_CALLS, _CALLING_S = 200, 0.3
_PROFILED, _WARMING = 20, 2


@dataclass(frozen=True)
class Standings:
    """How far several ways to run a model are from the limit of one machine.

    Args:
        peaks: what the machine can do at best.
        variants: by name, how far each is from that.
    """

    peaks: Peaks
    variants: dict[str, Roofline]


def standing(model: Model, engine: Engine, inputs: Tensors, peaks: Peaks) -> Roofline:
    """Return how far an engine is from this machine's limit.

    Peaks are the best that was seen, and so is the time of an answer here: what else runs on a
    machine disturbs both. The times of the groups are those of the engine's own profile; where
    they add up to more than an answer takes without a profile, all are made smaller alike, and
    what is left to a whole answer belongs to no layer: it counts as `other`. They are unknown where
    the engine keeps no profile.

    Args:
        model: what is run.
        engine: the runtime with its settings.
        inputs: one batch.
        peaks: of this machine.

    Raises:
        EngineError: the engine cannot run the model.
    """
    shapes = {name: array.shape for name, array in inputs.items()}
    bare = limits(model, peaks, shapes, getattr(engine, "precision", "f32"))
    whole_s = _quickest_s(model, engine, inputs)
    named = with_names(model)
    steps = engine.profile(named, [inputs] * (_WARMING + _PROFILED))
    if not steps:
        return replace(bare, measured_ms=whole_s * 1e3)
    return _filled(bare, seconds_by_group(named, steps), whole_s)


def _quickest_s(model: Model, engine: Engine, inputs: Tensors) -> float:
    took: list[float] = []
    with engine.compile(model) as runner:
        for _ in range(_WARMING):
            runner(inputs)
        end = time.perf_counter() + _CALLING_S
        while not took or (len(took) < _CALLS and time.perf_counter() < end):
            begin = time.perf_counter()
            runner(inputs)
            took.append(time.perf_counter() - begin)
    return min(took)


def _filled(bare: Roofline, seconds: Mapping[LayerGroup, float], whole_s: float) -> Roofline:
    """Return the limit with what each group took."""
    total = sum(seconds.values())
    scale = min(1.0, whole_s / total) if total else 1.0
    took = {group: time * scale for group, time in seconds.items()}
    rest = whole_s - sum(took.values())
    took[LayerGroup.OTHER] = took.get(LayerGroup.OTHER, 0.0) + max(rest, 0.0)
    known = {load.group: load for load in bare.groups}
    groups = tuple(
        replace(
            known.get(group, GroupLoad(group, 0, 0, "f32", 0.0)),
            measured_ms=took.get(group, 0.0) * 1e3,
        )
        for group in LayerGroup
        if group in known or took.get(group)
    )
    return replace(bare, groups=groups, measured_ms=whole_s * 1e3)

"""What OpenVINO says about where the time of an answer went."""

from collections.abc import Mapping

from tradewind.engines.profiling import Step
from tradewind.engines.untracked import ov

Merged = Mapping[str, tuple[str, ...]]
"""What is executed in one go, with the nodes of the graph that are in it."""


def executed(request: ov.InferRequest, inside: Merged) -> list[Step]:
    """Return the steps of the last answer of a request whose graph was compiled with counters."""
    return [
        Step(
            (info.node_name, *inside.get(info.node_name, ())),
            info.node_type,
            info.real_time.total_seconds(),
        )
        for info in request.get_profiling_info()
        if info.status == ov.ProfilingInfo.Status.EXECUTED
    ]


def merged(compiled: ov.CompiledModel) -> Merged:
    """Return what the compiler made of the nodes of a graph."""
    found = {}
    for step in compiled.get_runtime_model().get_ordered_ops():
        told = step.get_rt_info()
        names = str(told["originalLayersNames"].value) if "originalLayersNames" in told else ""
        found[step.get_friendly_name()] = tuple(filter(None, names.split(",")))
    return found

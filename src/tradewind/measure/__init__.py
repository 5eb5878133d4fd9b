"""What can be observed of a model on this machine, with its interval."""

from tradewind.measure.answering import collect, responses
from tradewind.measure.batches import timing_batches
from tradewind.measure.conditions import Conditions, Watch
from tradewind.measure.cost import GraphCost, graph_cost
from tradewind.measure.energy import (
    Footprint,
    Meter,
    Prices,
    Rapl,
    Rates,
    footprint,
    rates,
    this_meter,
)
from tradewind.measure.hardware import Hardware, this_machine
from tradewind.measure.interval import Bounds, Ratio, paired_ratio, rounds_needed
from tradewind.measure.memory import MemoryUse, memory_use
from tradewind.measure.metric import (
    METRICS,
    Accuracy,
    Agreement,
    ClippedError,
    Metric,
    RightOrWrong,
    TopK,
    Within,
    decide,
    parse_metric,
)
from tradewind.measure.raw import RawTimes, from_npz, to_npz
from tradewind.measure.reported import FIGURES, Reported, check_reports, figure
from tradewind.measure.timing import (
    Task,
    Timing,
    calling,
    interleave,
    speedup,
    throughput_ratio,
)

__all__ = [
    "FIGURES",
    "METRICS",
    "Accuracy",
    "Agreement",
    "Bounds",
    "ClippedError",
    "Conditions",
    "Footprint",
    "GraphCost",
    "Hardware",
    "MemoryUse",
    "Meter",
    "Metric",
    "Prices",
    "Rapl",
    "Rates",
    "Ratio",
    "RawTimes",
    "Reported",
    "RightOrWrong",
    "Task",
    "Timing",
    "TopK",
    "Watch",
    "Within",
    "calling",
    "check_reports",
    "collect",
    "decide",
    "figure",
    "footprint",
    "from_npz",
    "graph_cost",
    "interleave",
    "memory_use",
    "paired_ratio",
    "parse_metric",
    "rates",
    "responses",
    "rounds_needed",
    "speedup",
    "this_machine",
    "this_meter",
    "throughput_ratio",
    "timing_batches",
    "to_npz",
]

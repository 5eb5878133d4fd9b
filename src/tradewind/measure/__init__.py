"""What can be observed of a model on this machine, with its interval."""

from tradewind.measure.answering import collect, responses
from tradewind.measure.batches import timing_batches
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
from tradewind.measure.hardware import Hardware, available_cores, this_machine
from tradewind.measure.interval import Bounds, Ratio, paired_ratio, rounds_needed
from tradewind.measure.memory import peak_memory_bytes
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
from tradewind.measure.timing import (
    Task,
    Timing,
    calling,
    interleave,
    speedup,
    throughput_ratio,
)

__all__ = [
    "METRICS",
    "Accuracy",
    "Agreement",
    "Bounds",
    "ClippedError",
    "Footprint",
    "GraphCost",
    "Hardware",
    "Meter",
    "Metric",
    "Prices",
    "Rapl",
    "Rates",
    "Ratio",
    "RightOrWrong",
    "Task",
    "Timing",
    "TopK",
    "Within",
    "available_cores",
    "calling",
    "collect",
    "decide",
    "footprint",
    "graph_cost",
    "interleave",
    "paired_ratio",
    "parse_metric",
    "peak_memory_bytes",
    "rates",
    "responses",
    "rounds_needed",
    "speedup",
    "this_machine",
    "this_meter",
    "throughput_ratio",
    "timing_batches",
]

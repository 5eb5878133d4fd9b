"""What can be observed of a model on this machine, with its interval."""

from tradewind.measure.answering import collect, responses
from tradewind.measure.batches import timing_batches
from tradewind.measure.cost import GraphCost, graph_cost
from tradewind.measure.hardware import Hardware, available_cores, this_machine
from tradewind.measure.interval import Ratio, paired_ratio, rounds_needed
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
    "ClippedError",
    "GraphCost",
    "Hardware",
    "Metric",
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
    "graph_cost",
    "interleave",
    "paired_ratio",
    "parse_metric",
    "peak_memory_bytes",
    "responses",
    "rounds_needed",
    "speedup",
    "this_machine",
    "throughput_ratio",
    "timing_batches",
]

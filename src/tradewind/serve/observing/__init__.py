"""What an operator sees."""

from tradewind.serve.observing.counts import About, ServerCounts
from tradewind.serve.observing.metrics import ServerMetrics, merged
from tradewind.serve.observing.model import ModelMetrics
from tradewind.serve.observing.statistics import ModelStatistics, statistics

__all__ = [
    "About",
    "ModelMetrics",
    "ModelStatistics",
    "ServerCounts",
    "ServerMetrics",
    "merged",
    "statistics",
]

"""What an operator sees."""

from tradewind.serve.observing.account import Account
from tradewind.serve.observing.capture import Capture
from tradewind.serve.observing.counts import About, ServerCounts
from tradewind.serve.observing.metrics import ServerMetrics, merged
from tradewind.serve.observing.model import ModelMetrics
from tradewind.serve.observing.recording import Recording
from tradewind.serve.observing.settings import Observing
from tradewind.serve.observing.statistics import ModelStatistics, statistics
from tradewind.serve.observing.timing import HEADER, server_timing
from tradewind.serve.observing.watch import Watch

__all__ = [
    "HEADER",
    "About",
    "Account",
    "Capture",
    "ModelMetrics",
    "ModelStatistics",
    "Observing",
    "Recording",
    "ServerCounts",
    "ServerMetrics",
    "Watch",
    "merged",
    "server_timing",
    "statistics",
]

"""What an operator sees."""

from tradewind.serve.observing.metrics import ModelMetrics, ServerMetrics

__all__ = ["ModelMetrics", "ServerMetrics"]

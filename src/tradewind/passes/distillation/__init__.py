"""Training by the original's answers."""

from tradewind.passes.distillation.distil import Distil

__all__ = ["Distil"]

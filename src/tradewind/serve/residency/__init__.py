"""The last room: which models are held, from where, and how long."""

from tradewind.serve.residency.fixed import FixedCatalog
from tradewind.serve.residency.warmup import warm_up

__all__ = ["FixedCatalog", "warm_up"]

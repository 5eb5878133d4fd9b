"""The last room: which models are held, from where, and how long."""

from tradewind.serve.residency.choices import Control, Residency
from tradewind.serve.residency.loading import Compile, Loader, Opener
from tradewind.serve.residency.managed import ManagedCatalog
from tradewind.serve.residency.places import look
from tradewind.serve.residency.source import Source
from tradewind.serve.residency.warmup import warm_up

__all__ = [
    "Compile",
    "Control",
    "Loader",
    "ManagedCatalog",
    "Opener",
    "Residency",
    "Source",
    "look",
    "warm_up",
]

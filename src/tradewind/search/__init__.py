"""The search for the cheapest way to run a model that keeps the promise."""

from tradewind.search.optimizing import Outcome, optimize
from tradewind.search.packing import pack, texts
from tradewind.search.progress import Progress, Silence
from tradewind.search.settings import Deadline, Effort, SearchSettings, parse_time
from tradewind.search.trials import Trial

__all__ = [
    "Deadline",
    "Effort",
    "Outcome",
    "Progress",
    "SearchSettings",
    "Silence",
    "Trial",
    "optimize",
    "pack",
    "parse_time",
    "texts",
]

"""The search for the cheapest way to run a model that keeps the promise."""

from tradewind.search.cache import Cache
from tradewind.search.labels import Labels, read_labels
from tradewind.search.optimizing import Outcome, optimize
from tradewind.search.packing import pack, single_times, texts
from tradewind.search.progress import Progress, Silence
from tradewind.search.questions import Questions, write_questions
from tradewind.search.renewing import kept_graphs, recertify, renewed
from tradewind.search.rooflines import standings
from tradewind.search.settings import Deadline, Effort, SearchSettings, parse_time
from tradewind.search.trials import Trial

__all__ = [
    "Cache",
    "Deadline",
    "Effort",
    "Labels",
    "Outcome",
    "Progress",
    "Questions",
    "SearchSettings",
    "Silence",
    "Trial",
    "kept_graphs",
    "optimize",
    "pack",
    "parse_time",
    "read_labels",
    "recertify",
    "renewed",
    "single_times",
    "standings",
    "texts",
    "write_questions",
]

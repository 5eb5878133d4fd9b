"""The third room: computing what was admitted, together where that pays."""

from tradewind.serve.batching.company import Company
from tradewind.serve.batching.compute import Compute
from tradewind.serve.batching.rules import Batching, BatchingRules
from tradewind.serve.batching.threads import Threads

__all__ = ["Batching", "BatchingRules", "Company", "Compute", "Threads"]

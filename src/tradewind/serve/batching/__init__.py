"""The third room: computing what was admitted, together where that pays."""

from tradewind.serve.batching.company import Company
from tradewind.serve.batching.compute import Compute
from tradewind.serve.batching.rules import BatchingRules
from tradewind.serve.batching.threads import Threads

__all__ = ["BatchingRules", "Company", "Compute", "Threads"]

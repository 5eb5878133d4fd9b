"""The third room: computing what was admitted."""

from tradewind.serve.batching.compute import Compute
from tradewind.serve.batching.threads import Threads

__all__ = ["Compute", "Threads"]

"""Several processes that answer on one port, and the one that looks after them."""

from tradewind.serve.workers.ledger import Ledger
from tradewind.serve.workers.sharing import Sharing
from tradewind.serve.workers.supervisor import Supervisor, command_of_this_process, cores_for
from tradewind.serve.workers.worker import Worker

__all__ = [
    "Ledger",
    "Sharing",
    "Supervisor",
    "Worker",
    "command_of_this_process",
    "cores_for",
]

"""Answering requests over HTTP, in the Open Inference Protocol.

A request passes wire -> admission -> compute; each knows only the next.
"""

from tradewind.serve.batching import Batching
from tradewind.serve.caching import Caching
from tradewind.serve.observing import Capture, Observing
from tradewind.serve.port import ClaimedPort, claim_port
from tradewind.serve.residency import Compile, Control, Opener, Residency, Source, look
from tradewind.serve.security import Security
from tradewind.serve.sequences import Sequences, State
from tradewind.serve.served import ServedModel
from tradewind.serve.server import run
from tradewind.serve.settings import Settings
from tradewind.serve.workers import Supervisor, Worker, command_of_this_process, cores_for

__all__ = [
    "Batching",
    "Caching",
    "Capture",
    "ClaimedPort",
    "Compile",
    "Control",
    "Observing",
    "Opener",
    "Residency",
    "Security",
    "Sequences",
    "ServedModel",
    "Settings",
    "Source",
    "State",
    "Supervisor",
    "Worker",
    "claim_port",
    "command_of_this_process",
    "cores_for",
    "look",
    "run",
]

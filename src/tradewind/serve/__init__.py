"""Answering requests over HTTP, in the Open Inference Protocol.

A request passes wire -> admission -> compute; each knows only the next.
"""

from tradewind.serve.observing import Capture, Observing
from tradewind.serve.port import ClaimedPort, claim_port
from tradewind.serve.security import Security
from tradewind.serve.served import ServedModel
from tradewind.serve.server import run
from tradewind.serve.settings import Settings

__all__ = [
    "Capture",
    "ClaimedPort",
    "Observing",
    "Security",
    "ServedModel",
    "Settings",
    "claim_port",
    "run",
]

"""Answering requests over HTTP, in the Open Inference Protocol.

A request passes wire -> admission -> compute; each knows only the next.
"""

from tradewind.serve.port import ClaimedPort, claim_port
from tradewind.serve.served import ServedModel
from tradewind.serve.server import Settings, run

__all__ = ["ClaimedPort", "ServedModel", "Settings", "claim_port", "run"]

"""The outer room: bytes to requests, responses to bytes."""

from tradewind.serve.wire.app import App
from tradewind.serve.wire.bodies import Bodies
from tradewind.serve.wire.exchange import Exchange
from tradewind.serve.wire.routes import Routes

__all__ = ["App", "Bodies", "Exchange", "Routes"]

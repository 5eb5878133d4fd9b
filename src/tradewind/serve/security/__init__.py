"""The room at the door: who may do what, and how much of it."""

from tradewind.serve.security.gate import Gate
from tradewind.serve.security.metering import Metered
from tradewind.serve.security.principals import Principal, Right

__all__ = ["Gate", "Metered", "Principal", "Right"]

"""The room at the door: who may do what, and how much of it."""

from tradewind.serve.security.certificates import Certificates, certificates_of
from tradewind.serve.security.gate import Gate, is_loopback
from tradewind.serve.security.locksmith import gate_of
from tradewind.serve.security.metering import Metered
from tradewind.serve.security.principals import Principal, Right
from tradewind.serve.security.settings import Security

__all__ = [
    "Certificates",
    "Gate",
    "Metered",
    "Principal",
    "Right",
    "Security",
    "certificates_of",
    "gate_of",
    "is_loopback",
]

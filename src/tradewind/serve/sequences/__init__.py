"""Sequences: requests that follow each other, with what a recurrent model remembers in between."""

from tradewind.serve.sequences.limits import Sequences
from tradewind.serve.sequences.recurrence import Recurrence
from tradewind.serve.sequences.state import State

__all__ = ["Recurrence", "Sequences", "State"]

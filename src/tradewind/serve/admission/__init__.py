"""The second room: who is answered now, who waits, and who is told to come back."""

from tradewind.serve.admission.waiting import Admission

__all__ = ["Admission"]

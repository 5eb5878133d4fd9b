"""Weights fitted anew after a change, so that inner values come back to what they were."""

from tradewind.passes.repair.affording import affordable, batches_of
from tradewind.passes.repair.refitting import Picked, Repair, repair

__all__ = ["Picked", "Repair", "affordable", "batches_of", "repair"]

"""Weights that every processor multiplies exactly."""

from dataclasses import replace

from tradewind.measure import this_machine
from tradewind.passes import Pass, QuantizeDynamic, QuantizeNNCF, QuantizeStatic


def narrowed(step: Pass) -> Pass:
    """Return a quantizing pass with weights of 7 bits where sums of wider ones saturate."""
    if isinstance(step, QuantizeDynamic | QuantizeNNCF | QuantizeStatic):
        return replace(step, reduce_range=this_machine().saturates)
    return step

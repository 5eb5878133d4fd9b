"""Smaller numbers: int8 by several toolkits, with ranges that our own calibration observes."""

from tradewind.passes.quantization.dynamic import QuantizeDynamic
from tradewind.passes.quantization.nncf import QuantizeNNCF
from tradewind.passes.quantization.static import QuantizeStatic

__all__ = ["QuantizeDynamic", "QuantizeNNCF", "QuantizeStatic"]

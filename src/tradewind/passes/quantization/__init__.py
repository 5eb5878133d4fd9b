"""Smaller numbers: int8 and int4 by several recipes, and what makes them lose less."""

from tradewind.passes.quantization.dynamic import QuantizeDynamic
from tradewind.passes.quantization.nncf import QuantizeNNCF
from tradewind.passes.quantization.smooth import Smooth
from tradewind.passes.quantization.static import QuantizeStatic
from tradewind.passes.quantization.weights import QuantizeWeights

__all__ = ["QuantizeDynamic", "QuantizeNNCF", "QuantizeStatic", "QuantizeWeights", "Smooth"]

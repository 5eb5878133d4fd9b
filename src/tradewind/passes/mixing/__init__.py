"""Mixed precision: which layers of an int8 graph cost answers, and how they return to float."""

from tradewind.passes.mixing.layers import Layer, layers, owners
from tradewind.passes.mixing.pairing import Edge, Pair, pair
from tradewind.passes.mixing.revert import RevertLayers
from tradewind.passes.mixing.sensitivity import Sensitivity, sensitivity
from tradewind.passes.mixing.switching import Switched

__all__ = [
    "Edge",
    "Layer",
    "Pair",
    "RevertLayers",
    "Sensitivity",
    "Switched",
    "layers",
    "owners",
    "pair",
    "sensitivity",
]

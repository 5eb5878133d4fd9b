"""How far a model is from what this machine can do at best."""

from tradewind.measure.roofline.layer_groups import LayerGroup
from tradewind.measure.roofline.limits import GroupLoad, Roofline, limits
from tradewind.measure.roofline.peaks import (
    MEASURING_S,
    Peaks,
    better_of,
    keep_peaks,
    known_peaks,
    measure_peaks,
)
from tradewind.measure.roofline.rate import Rate
from tradewind.measure.roofline.standing import Standings, standing

__all__ = [
    "MEASURING_S",
    "GroupLoad",
    "LayerGroup",
    "Peaks",
    "Rate",
    "Roofline",
    "Standings",
    "better_of",
    "keep_peaks",
    "known_peaks",
    "limits",
    "measure_peaks",
    "standing",
]

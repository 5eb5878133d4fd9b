"""Energy, carbon and money: read from counters, or estimated and called so."""

from tradewind.measure.energy.counters import Rapl
from tradewind.measure.energy.footprint import footprint
from tradewind.measure.energy.meter import Meter, this_meter
from tradewind.measure.energy.rates import Footprint, Prices, Rates, rates

__all__ = ["Footprint", "Meter", "Prices", "Rapl", "Rates", "footprint", "rates", "this_meter"]

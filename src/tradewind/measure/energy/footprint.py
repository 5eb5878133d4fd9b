"""Energy, carbon and money of a million predictions, from the turns of a race."""

import numpy as np

from tradewind.measure.energy.rates import J_PER_WH, MILLION, Footprint, Rates
from tradewind.measure.interval import median_interval
from tradewind.measure.timing import Timing


def footprint(load: Timing, size: int, known: Rates) -> Footprint:
    """Return what a million predictions take.

    Args:
        load: timed under the load of the highest throughput.
        size: examples in one call.
        known: what the machine's time costs.
    """
    calls = MILLION / size
    used = load.joules_per_call
    above_idle = None
    if used is not None and not known.is_estimated:
        energy = median_interval(used * calls / J_PER_WH)
        if known.idle_watts is not None:
            idle = known.idle_watts * load.wall_per_call_s
            above_idle = float(np.median(used - idle)) * calls / J_PER_WH
    else:
        hours = load.cpu_per_call_s * calls / 3600.0
        energy = known.watts_per_core.times(hours)
    core_hours = float(np.median(load.cores_per_call_s)) * calls / 3600.0
    price = known.prices.price_per_core_hour
    return Footprint(
        energy,
        used is None or known.is_estimated,
        energy.times(known.carbon_g_per_kwh / 1000.0),
        core_hours,
        None if price is None else core_hours * price,
        above_idle,
    )

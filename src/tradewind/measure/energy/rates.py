"""What turns measured time into energy, carbon and money."""

import math
from dataclasses import dataclass

from tradewind.errors import SettingError
from tradewind.measure.energy.regions import WORLD, region_of
from tradewind.measure.energy.watts import Power, power_of
from tradewind.measure.interval import Bounds

MILLION = 1_000_000
J_PER_WH = 3600.0


@dataclass(frozen=True)
class Prices:
    """What the owner knows about electricity and rented cores.

    Args:
        region: whose electricity is used: the code of a country, world, or grams of CO2 for a
            kilowatt-hour.
        price_per_core_hour: of one rented core, in any currency; None where nobody pays.
        watts_per_core: of one busy core; None to take them from what is known of the processor.
    """

    region: str = WORLD
    price_per_core_hour: float | None = None
    watts_per_core: float | None = None

    def __post_init__(self) -> None:
        region_of(self.region)
        for option, value in (
            ("--price-per-core-hour", self.price_per_core_hour),
            ("--watts-per-core", self.watts_per_core),
        ):
            if value is not None and not 0 < value < math.inf:
                raise SettingError(option, "more than 0", f"{value:g}")


@dataclass(frozen=True)
class Rates:
    """Prices together with what is known about the machine.

    Args:
        prices: as they were given.
        region: its name.
        carbon_g_per_kwh: grams of CO2 equivalents.
        carbon_source: where that comes from.
        watts_per_core: of a busy core; used where no counter can be read.
        watts_source: where they come from.
        counters: whose energy was read; empty where it is estimated.
        idle_watts: of all that has a counter, while nothing was measured.
    """

    prices: Prices
    region: str
    carbon_g_per_kwh: float
    carbon_source: str
    watts_per_core: Bounds
    watts_source: str
    counters: tuple[str, ...] = ()
    idle_watts: float | None = None

    @property
    def is_estimated(self) -> bool:
        """Whether energy is a stated power times measured processor time."""
        return not self.counters


def rates(
    prices: Prices, cpu: str, counters: tuple[str, ...] = (), idle_watts: float | None = None
) -> Rates:
    """Return what a machine's time costs.

    Args:
        prices: what the owner knows.
        cpu: the processor's name.
        counters: whose energy can be read.
        idle_watts: of all that has a counter, while nothing is measured.
    """
    region, stated = region_of(prices.region), prices.watts_per_core
    power = power_of(cpu) if stated is None else Power(Bounds(stated, stated, stated), "as stated")
    return Rates(
        prices,
        region.name,
        region.g_per_kwh,
        region.source,
        power.watts,
        power.source,
        counters,
        idle_watts,
    )


@dataclass(frozen=True)
class Footprint:
    """What a million predictions take, under the load of the highest throughput.

    Args:
        energy_wh: measured: the median of all rounds with its interval; else an estimate with
            the range of the power it rests on.
        is_estimated: whether no counter was read.
        carbon_g: grams of CO2 equivalents for that energy.
        core_hours: of the cores that are occupied: busy ones, and at least one.
        money: for the core hours, in the currency of the price; None without one.
        above_idle_wh: what is left of a measured energy without the machine's idle power.
    """

    energy_wh: Bounds
    is_estimated: bool
    carbon_g: Bounds
    core_hours: float
    money: float | None = None
    above_idle_wh: float | None = None

"""The options about what energy, carbon and cores cost."""

import functools
from collections.abc import Callable
from typing import Any

import click

from tradewind.measure import Prices

_OPTIONS = (
    click.option(
        "--region",
        default=Prices.region,
        show_default=True,
        metavar="REGION",
        help="Whose electricity is used, to tell carbon: the code of a country such as DE, or "
        "grams of CO2 per kWh.",
    ),
    click.option(
        "--price-per-core-hour",
        type=float,
        help="What an hour of one core costs, to tell the cost of a million predictions.",
    ),
    click.option(
        "--watts-per-core",
        type=float,
        help="Power of a busy core, for machines whose counters cannot be read. [default: from "
        "what is known of the processor]",
    ),
)


def priced(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options, and hand them to the command as one argument named `prices`."""

    @functools.wraps(command)
    def called(
        *args: Any,
        region: str,
        price_per_core_hour: float | None,
        watts_per_core: float | None,
        **kwargs: Any,
    ) -> Any:
        prices = Prices(region, price_per_core_hour, watts_per_core)
        return command(*args, prices=prices, **kwargs)

    for option in reversed(_OPTIONS):
        called = option(called)
    return called

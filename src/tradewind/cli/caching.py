"""The options of `tradewind serve` about answers that are kept."""

import functools
import math
from collections.abc import Callable
from typing import Any

import click

from tradewind.errors import SettingError
from tradewind.serve import Caching

_OPTIONS = (
    click.option(
        "--cache-mb",
        type=float,
        default=0,
        show_default=True,
        help="Keep answers for requests with exactly the same inputs, in so many MiB; 0 for none.",
    ),
    click.option(
        "--cache-s",
        type=float,
        default=Caching.max_age_s,
        show_default=True,
        help="Seconds after which a kept answer is forgotten.",
    ),
)


def caching(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options, and hand them to the command as one argument named `kept`."""

    @functools.wraps(command)
    def with_cache(*args: Any, cache_mb: float, cache_s: float, **rest: Any) -> Any:
        if not 0 <= cache_mb < math.inf:
            raise SettingError("--cache-mb", "a number from 0 on", f"{cache_mb:g}")
        return command(*args, kept=Caching(int(cache_mb * 2**20), cache_s), **rest)

    found: Callable[..., Any] = with_cache
    for option in reversed(_OPTIONS):
        found = option(found)
    return found

"""The option of `tradewind serve` about which requests are computed together."""

import functools
from collections.abc import Callable
from typing import Any

import click

from tradewind.serve import Batching


def grouped(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option; the command gets it as one `batching`."""

    @functools.wraps(command)
    def told_together(batching: tuple[str, ...], **others: Any) -> Any:
        return command(batching=Batching.parse(batching), **others)

    return _OPTION(told_together)


_OPTION = click.option(
    "--batching",
    multiple=True,
    metavar="[MODEL:]RULES",
    help="off, or max_batch=N,latency_target_ms=X: how many examples are computed together, and "
    "within what time requests are answered or refused early. Nothing needs to be said.",
)

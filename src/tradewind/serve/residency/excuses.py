"""What is told to those whose model cannot answer now."""

import math
from collections.abc import Callable

from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.residency.shelf import Entry


def again(refusal: Refusal) -> Callable[[], Refusal]:
    """Return what makes a refusal anew for everybody who gets it."""
    return lambda: Refusal(
        refusal.reason,
        refusal.where,
        refusal.expected,
        refusal.got,
        refusal.hint,
        refusal.retry_after_s,
    )


def broken(entry: Entry) -> Refusal:
    """Return the refusal of requests for a version that could not be loaded."""
    return Refusal(
        Reason.LOAD_FAILED,
        f"model {entry.name} version {entry.version}",
        "one that can be loaded",
        entry.note,
        "put a whole one in its place.",
    )


def not_loaded(entry: Entry) -> Refusal:
    """Return the refusal of requests for a version that nobody has loaded."""
    return Refusal(
        Reason.NOT_LOADED,
        f"Request for unknown model: '{entry.name}' version {entry.version}",
        "one that is loaded",
        "one that is not",
        f"POST /v2/repository/models/{entry.name}/load loads it.",
    )


def not_managed(name: str) -> Refusal:
    """Return the refusal of a wish to load or unload."""
    return Refusal(
        Reason.NOT_MANAGED,
        f"model {name}",
        "a model that clients may load and unload",
        "one that was named at the start, or that the server loads by itself",
        "start it with --model-dir and --model-control explicit.",
    )


def unknown_parameter(name: str) -> Refusal:
    """Return the refusal of a way to load that there is not."""
    return Refusal(
        Reason.NOT_MANAGED,
        f"parameters.{name}"[:100],
        "version, or nothing",
        "another parameter",
        "put the files into the model directory.",
    )


def still_loading(entry: Entry, waited_s: float) -> Refusal:
    """Return the refusal of somebody who has waited long enough."""
    return Refusal(
        Reason.LOADING,
        f"model {entry.name}",
        "a model that is in memory",
        "one that is still being loaded",
        "come back after the time in Retry-After.",
        max(1, math.ceil(entry.took_s - waited_s)),
    )

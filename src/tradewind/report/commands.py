"""The commands that reproduce what a report says."""

import shlex
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath

from tradewind.bundle import Manifest

_CARRIED = ("--label", "--preprocess")  # what it takes to read the data the same way


@dataclass(frozen=True)
class Commands:
    """What to type, with the names that the search was given."""

    optimize: str  # finds, certifies and times everything again
    bench: str  # times the original against the answer
    verify: str  # checks bytes and hardware
    serve: str
    inspect: str  # compares with what the machine can do


def commands(manifest: Manifest) -> Commands:
    """Return the commands that belong to a bundle, as far as its own command names things."""
    words = _words(manifest.command)
    model = words[2] if words[:2] == ["tradewind", "optimize"] and len(words) > 2 else ""
    if not model or model.startswith("-"):
        model = manifest.source.model
    bundle = _after(words, "--out") or str(PurePath(model or "model").with_suffix(".tw"))
    data = ["--data", _after(words, "--data") or manifest.source.data]
    for option in _CARRIED:
        value = _after(words, option)
        data += [option, value] if value else []
    return Commands(
        optimize=manifest.command,
        bench=shlex.join(["tradewind", "bench", model, bundle, *data]),
        verify=shlex.join(["tradewind", "verify", bundle]),
        serve=shlex.join(["tradewind", "serve", bundle]),
        inspect=shlex.join(["tradewind", "inspect", bundle, "--roofline"]),
    )


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # an unbalanced quote: nothing in it can be relied on
        return []


def _after(words: list[str], option: str) -> str:
    """Return the word behind an option; empty when it is not there."""
    return next((after for word, after in pairwise(words) if word == option), "")

"""The options of `tradewind serve` about what models remember within a sequence."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import click

from tradewind.errors import SettingError
from tradewind.serve import Sequences, State

_OPTIONS = (
    click.option(
        "--state",
        "states",
        multiple=True,
        metavar="[MODEL:]INPUT=OUTPUT[@START]",
        help="An output of a recurrent model that is an input of its next step, once for each; "
        "the server keeps it between the requests of a sequence. It begins with zeros, or with "
        "START.",
    ),
    click.option(
        "--max-sequences",
        type=int,
        default=Sequences.max_live,
        show_default=True,
        help="Sequences that each model with states remembers; no other one begins meanwhile.",
    ),
    click.option(
        "--sequence-idle-s",
        type=float,
        default=Sequences.idle_s,
        show_default=True,
        help="Seconds without a request after which a sequence is forgotten.",
    ),
)


@final
@dataclass(frozen=True)
class Remembered:
    """What the command line says of states and of the sequences that they belong to."""

    texts: tuple[str, ...]
    limits: Sequences

    def states(
        self, names: Sequence[str], *, is_complete: bool = True
    ) -> Mapping[str, tuple[State, ...]]:
        """Return the states of each model that has some.

        Args:
            names: of the models that are there at the start.
            is_complete: whether no others can come.

        Raises:
            SettingError: one is written otherwise, or for a model that is not there.
        """
        found: dict[str, tuple[State, ...]] = {}
        for text in self.texts:
            before, equals, after = text.partition("=")
            name, colon, given = before.partition(":")
            if not colon:
                if len(names) != 1:
                    expected = "MODEL:INPUT=OUTPUT where there are several models"
                    raise SettingError("--state", expected, text)
                name, given = names[0], before
            if is_complete and name not in names:
                hint = "where the name of an input holds a colon, write MODEL: in front."
                raise SettingError("--state", f"one of {', '.join(names)}", name, hint)
            found[name] = (*found.get(name, ()), State.parse(given + equals + after))
        return found


def sequencing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options, and hand them to the command as one argument named `remembered`."""

    @functools.wraps(command)
    def with_sequences(
        *args: Any,
        states: tuple[str, ...],
        max_sequences: int,
        sequence_idle_s: float,
        **rest: Any,
    ) -> Any:
        limits = Sequences(max_sequences, sequence_idle_s)
        return command(*args, remembered=Remembered(states, limits), **rest)

    found: Callable[..., Any] = with_sequences
    for option in reversed(_OPTIONS):
        found = option(found)
    return found

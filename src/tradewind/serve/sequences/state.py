"""What a recurrent model remembers from one step to the next, as its owner states it."""

import math
from dataclasses import dataclass
from typing import final

from tradewind.errors import SettingError


@final
@dataclass(frozen=True)
class State:
    """An output of a model that is an input of its next step."""

    input: str
    output: str
    start: float = 0.0  # every element, before the first step

    @classmethod
    def parse(cls, text: str) -> "State":
        """Read `INPUT=OUTPUT`, or `INPUT=OUTPUT@START`.

        Raises:
            SettingError: it is written otherwise.
        """
        given, _, taken = text.partition("=")
        output, at, start = taken.partition("@")
        try:
            value = float(start) if at else 0.0
        except ValueError:
            raise _unreadable(text) from None
        if not given or not output or not math.isfinite(value):
            raise _unreadable(text)
        return cls(given, output, value)


def _unreadable(text: str) -> SettingError:
    return SettingError("state", "INPUT=OUTPUT or INPUT=OUTPUT@START, such as h_in=h_out", text)

"""What a request says of its sequence, in the words of the protocol's extension."""

from collections.abc import Mapping
from typing import Any, Self, final

from msgspec import Struct

from tradewind.errors import RequestError

_LONGEST = 256  # characters of an id


@final
class Wish(Struct, frozen=True):
    """Which sequence a request belongs to, and whether it is its first or last."""

    id: int | str
    is_start: bool
    is_end: bool

    def __str__(self) -> str:
        return repr(self.id) if isinstance(self.id, str) else str(self.id)

    @classmethod
    def read(cls, parameters: Mapping[str, Any]) -> Self:
        """Return what the parameters of a request say.

        Raises:
            RequestError: there is no sequence, or one of them is of the wrong kind.
        """
        found = parameters.get("sequence_id")
        if isinstance(found, bool) or not isinstance(found, int | str | None):
            raise _wrong_id(f"{found!r}"[:80])
        if not found:  # 0 and the empty string are the protocol's "no sequence"
            raise _wrong_id("none")
        if isinstance(found, int) and not 0 < found < 2**64:
            raise _wrong_id(f"{found}"[:80])
        if isinstance(found, str) and len(found) > _LONGEST:
            raise _wrong_id(f"one of {len(found)} characters")
        is_start = _flag(parameters, "sequence_start")
        return cls(found, is_start, _flag(parameters, "sequence_end"))


def _flag(parameters: Mapping[str, Any], name: str) -> bool:
    value = parameters.get(name, False)
    if not isinstance(value, bool):
        raise RequestError(f"parameters.{name}", "true or false", f"{value!r}"[:80])
    return value


def _wrong_id(got: str) -> RequestError:
    return RequestError(
        "parameters.sequence_id",
        f"a whole number from 1 on, or 1 to {_LONGEST} characters",
        got,
        "this model remembers: each request says which sequence it belongs to.",
    )

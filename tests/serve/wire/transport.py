"""The end of a connection that a test holds, in place of a socket."""

from dataclasses import dataclass, field
from typing import final


@final
@dataclass
class Wire:
    """What the connection takes for its transport."""

    sent: bytearray = field(default_factory=bytearray)
    is_closed: bool = False
    is_reading: bool = True

    def write(self, data: bytes) -> None:
        self.sent += data

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True

    def get_extra_info(self, name: str) -> tuple[str, int] | None:
        return ("10.0.0.1", 5) if name == "peername" else None

"""How many sequences a server remembers, and for how long."""

from dataclasses import dataclass
from typing import final

from tradewind.errors import SettingError


@final
@dataclass(frozen=True)
class Sequences:
    """How many sequences are remembered, and for how long."""

    max_live: int = 1024  # of each model; no other one begins meanwhile
    idle_s: float = 60.0  # without a request, then a sequence is forgotten

    def __post_init__(self) -> None:
        if self.max_live < 1:
            raise SettingError("--max-sequences", "1 or more", str(self.max_live))
        if not self.idle_s > 0:
            raise SettingError("--sequence-idle-s", "more than 0", f"{self.idle_s:g}")

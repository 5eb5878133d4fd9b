"""Which models a server holds, and for how long."""

import math
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import final

from tradewind.errors import SettingError


class Control(StrEnum):
    """Who decides which models are loaded, in the words of Triton."""

    NONE = "none"
    POLL = "poll"
    EXPLICIT = "explicit"


@final
@dataclass(frozen=True)
class Residency:
    """Which models a server holds, and for how long."""

    folder: Path | None = None  # of models that are loaded when somebody asks for them
    control: Control = Control.NONE
    memory_bytes: float = math.inf  # of all models together, as measured
    min_stay_s: float = 5.0  # how long a model stays at least once it is loaded
    load_wait_s: float = 10.0  # how long a request waits for its model to be loaded
    poll_s: float = 2.0  # between two looks at the folder
    pinned: tuple[str, ...] = ()  # models of the folder that stay once they are loaded
    load: tuple[str, ...] = ()  # models that are loaded at the start; "*" for all
    samples: int = 8  # small requests remembered of each model, asked again at a reload

    def __post_init__(self) -> None:
        if not self.poll_s > 0:
            raise SettingError("poll_s", "more than 0", f"{self.poll_s:g}")
        for name in ("memory_bytes", "min_stay_s", "load_wait_s", "samples"):
            if not getattr(self, name) >= 0:  # which NaN is not either
                raise SettingError(name, "0 or more", f"{getattr(self, name):g}")
        if self.folder is not None and not self.folder.is_dir():
            raise SettingError("--model-dir", "a folder", f"{self.folder}, which is none")

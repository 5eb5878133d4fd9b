"""Where the models of a server come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from tradewind.serve.residency.choices import Residency
from tradewind.serve.residency.loading import Opener


@final
@dataclass(frozen=True)
class Source:
    """Files that a server opens by itself: those named at its start, and those of a directory."""

    opener: Opener
    paths: Mapping[str, Path] = field(default_factory=dict)  # loaded at the start, to stay
    residency: Residency = field(default_factory=Residency)

"""What an operator may say about batching; nothing needs to be said."""

from dataclasses import dataclass
from typing import final

from tradewind.errors import SettingError


@final
@dataclass(frozen=True)
class BatchingRules:
    """How requests for one model may be grouped."""

    max_batch: int = 64  # examples computed together, of several requests
    latency_target_ms: float | None = None  # answers come within it, or are refused early
    enabled: bool = True

    def __post_init__(self) -> None:
        if self.max_batch < 1:
            raise SettingError("max_batch", "1 or more", str(self.max_batch))
        if self.latency_target_ms is not None and not self.latency_target_ms > 0:
            raise SettingError(
                "latency_target_ms", "more than 0, or None", str(self.latency_target_ms)
            )

    @property
    def target_s(self) -> float | None:
        """The latency target in seconds."""
        return None if self.latency_target_ms is None else self.latency_target_ms / 1e3

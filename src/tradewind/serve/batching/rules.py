"""What an operator may say about batching; nothing needs to be said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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

    @classmethod
    def parse(cls, text: str) -> "BatchingRules":
        """Read `off`, or settings such as `max_batch=16,latency_target_ms=20`.

        Raises:
            SettingError: it is written otherwise.
        """
        if text == "off":
            return cls(enabled=False)
        max_batch, target_ms = cls.max_batch, cls.latency_target_ms
        for part in text.split(","):
            name, _, value = part.partition("=")
            try:
                if name == "max_batch":
                    max_batch = int(value)
                elif name == "latency_target_ms":
                    target_ms = float(value)
                else:
                    raise _unreadable(text)
            except ValueError:
                raise _unreadable(text) from None
        return cls(max_batch, target_ms)


@final
@dataclass(frozen=True)
class Batching:
    """The rules of every model."""

    rules: BatchingRules = BatchingRules()
    of_models: Mapping[str, BatchingRules] = field(default_factory=dict)  # instead, by name

    def of(self, name: str) -> BatchingRules:
        """Return the rules of one model."""
        return self.of_models.get(name, self.rules)

    @classmethod
    def parse(cls, texts: Sequence[str]) -> "Batching":
        """Read rules for all models, and those of single ones as `NAME:RULES`.

        Raises:
            SettingError: one is written otherwise.
        """
        rules, of_models = cls.rules, dict[str, BatchingRules]()
        for text in texts:
            name, colon, rest = text.rpartition(":")
            if colon:
                of_models[name] = BatchingRules.parse(rest)
            else:
                rules = BatchingRules.parse(text)
        return cls(rules, of_models)


def _unreadable(text: str) -> SettingError:
    wanted = "off, or max_batch=N and latency_target_ms=X separated by a comma"
    return SettingError("batching", wanted, text, "NAME: in front makes it a rule for one model.")

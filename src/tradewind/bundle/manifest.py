"""What a bundle says about itself, in the form that is written and printed."""

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from tradewind.budget import Budget
from tradewind.bundle.tokenizing import TokenizerRecord
from tradewind.data import Preprocessing
from tradewind.engines import ENGINES, Engine
from tradewind.errors import BundleError, SettingError
from tradewind.evidence import Certificate
from tradewind.measure import Conditions, Footprint, Hardware, Rates, Ratio, Reported
from tradewind.measure.roofline import Standings
from tradewind.model import Parity
from tradewind.runners import RULES, ConfidenceRule

SCHEMA = 2
"""Raised whenever an older Tradewind could misread what a newer one writes."""

OLDEST_SCHEMA = 1
"""The first that can still be read; what is new since then has a default."""

CASCADE = "cascade"
"""Stands for the engine of a variant whose stages have engines of their own."""

Kind = TypeVar("Kind")

TIMINGS = "timings.npz"
"""Where a bundle keeps every single time of its last race."""

BASELINE = "original"
"""The name of the model as it was given, on ONNX Runtime with its default settings."""


@dataclass(frozen=True)
class Percentiles:
    """Of the time one request at batch 1 takes, in milliseconds."""

    p50: float
    p99: float


@dataclass(frozen=True)
class Drop:
    """Share of right answers lost: the estimate, and the bound at the budget's confidence."""

    estimate: float
    upper: float


@dataclass(frozen=True)
class Estimate:
    """What a variant costs by a quick look, in the units of the baseline's careful timing."""

    latency_ms: float
    throughput_per_s: float
    cpu_ms_per_example: float


@dataclass(frozen=True)
class RuleRecord:
    """Which answers of a stage stand, so that no further stage is asked."""

    name: str
    settings: dict[str, Any]  # the threshold among them

    def to_rule(self) -> ConfidenceRule:
        """Return the rule with its settings.

        Raises:
            BundleError: this Tradewind has no such rule, or not with these settings.
        """
        for kind in RULES:
            if kind.name == self.name:
                return _converted(self.settings, kind, f"rule {self.name}")
        known = ", ".join(kind.name for kind in RULES)
        raise BundleError("rule", f"one of {known}", self.name)


@dataclass(frozen=True)
class StageRecord:
    """One graph on an engine, as a part of a variant."""

    description: str
    engine: str
    settings: dict[str, Any]
    passes: tuple[str, ...]
    model: str | None  # its graph inside the bundle, None when it was not kept
    model_digest: str
    size_bytes: int
    rule: RuleRecord | None = None  # None for the last stage, which always answers
    answered: float | None = None  # share of the certify split that it answered

    def to_engine(self) -> Engine:
        """Return the engine with its settings.

        Raises:
            BundleError: this Tradewind has no such engine, or not with these settings.
        """
        for kind in ENGINES:
            if kind.name == self.engine:
                return _converted(self.settings, kind, self.description)
        known = ", ".join(kind.name for kind in ENGINES)
        raise BundleError(f"{self.description}: engine", f"one of {known}", self.engine)


@dataclass(frozen=True)
class VariantRecord:
    """One way to run the model, with what was measured of it.

    What was not measured is None: a variant that was refused early has no timing.
    """

    variant: str
    engine: str  # "cascade" where every stage has its own
    settings: dict[str, Any]  # of the engine
    passes: tuple[str, ...]
    description: str
    model: str | None  # its graph inside the bundle, None when it was not kept or has stages
    model_digest: str  # of a cascade, the digest of all its stages with their rules
    size_bytes: int  # all stages together
    estimate: Estimate | None = None  # every variant that ran has one
    latency_ms: Percentiles | None = None
    throughput_per_s: float | None = None
    batch_size: int | None = None  # at which the throughput was reached
    cpu_ms_per_example: float | None = None  # over all threads, at that batch size
    peak_memory_bytes: int | None = None
    steady_memory_bytes: int | None = None  # once it has answered for a while
    loss: float | None = None  # share of wrong answers on the certify split
    select_drop: float | None = None  # share of right answers lost on the select split
    speedup: Ratio | None = None  # batch-1 latency against the baseline's
    throughput_gain: Ratio | None = None
    drop: Drop | None = None
    certificate: Certificate | None = None
    stages: tuple[StageRecord, ...] = ()  # of a cascade, the cheapest first
    footprint: Footprint | None = None  # energy, carbon and money of a million predictions
    reported: tuple[Reported, ...] = ()  # figures that were asked for, not certified

    @property
    def parts(self) -> tuple[StageRecord, ...]:
        """The stages, or the one graph that answers alone."""
        return self.stages or (
            StageRecord(
                self.description,
                self.engine,
                self.settings,
                self.passes,
                self.model,
                self.model_digest,
                self.size_bytes,
            ),
        )

    @property
    def is_kept(self) -> bool:
        """Whether every graph that it needs is in the bundle."""
        return all(part.model is not None for part in self.parts)

    @property
    def escalated(self) -> float | None:
        """The share of examples that the first stage passed on; None where that is unknown."""
        first = self.stages[0].answered if self.stages else None
        return None if first is None else 1.0 - first

    def to_engine(self) -> Engine:
        """Return the engine of the stage that answers last, with its settings.

        Raises:
            BundleError: this Tradewind has no such engine, or not with these settings.
        """
        return self.parts[-1].to_engine()


@dataclass(frozen=True)
class Refusal:
    """A variant that was tried or considered, and why it is not the answer."""

    variant: str
    why: str


@dataclass(frozen=True)
class SplitSizes:
    """How many examples each step saw; no example was seen by two."""

    calibrate: int
    select: int
    certify: int
    digest: str
    seed: int


@dataclass(frozen=True)
class UnlabelledSource:
    """Further examples that were calibrated and trained on."""

    data: str
    data_digest: str
    examples: int  # that were used
    known: int  # left out because the other data hold them too


@dataclass(frozen=True)
class Source:
    """What went in."""

    model: str  # the name it had
    framework: str
    model_digest: str
    data: str
    data_digest: str
    examples: int
    unlabelled: UnlabelledSource | None = None
    parity: Parity | None = None  # None where the model was given as ONNX


@dataclass(frozen=True)
class Asked:
    """Labels that a promise waits for, or rests on."""

    labels: int
    looked_at: int  # examples of the certify split on which the variants were compared


@dataclass(frozen=True)
class Manifest:
    """Everything a bundle says about itself."""

    schema: int
    tradewind: str  # the version that wrote it
    created: str  # ISO 8601, UTC
    command: str  # what reproduces it
    source: Source
    budget: Budget
    hardware: Hardware
    splits: SplitSizes
    baseline: VariantRecord
    chosen: VariantRecord
    reason: str  # why the chosen one, in a sentence
    variants: tuple[VariantRecord, ...]  # all that were measured, the two above included
    refused: tuple[Refusal, ...]
    preprocessing: Preprocessing | None
    is_complete: bool  # False when time ran out or somebody interrupted
    elapsed_s: float
    tokenization: TokenizerRecord | None = None  # in place of `preprocessing` for sentences
    tested: tuple[str, ...] = ()  # variants with a certificate, in the order of their tests
    pending: tuple[str, ...] = ()  # variants that wait for labels, in the order of their tests
    asked: Asked | None = None  # None where no labels were asked for
    classes: tuple[str, ...] = ()  # their names in the order of the scores, where known
    roofline: Standings | None = None  # how far variants are from this machine's limit
    rates: Rates | None = None  # what energy, carbon and money were worked out from
    conditions: Conditions | None = None  # under which the finalists were timed

    def to_json(self) -> bytes:
        """Return the manifest as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    def to_builtins(self) -> dict[str, Any]:
        """Return the manifest as plain dictionaries, lists, strings and numbers."""
        return dict(msgspec.to_builtins(self))


def read_manifest(content: bytes, where: str) -> Manifest:
    """Parse a manifest.

    Raises:
        BundleError: it is no manifest, or one of a newer schema.
    """
    try:
        schema = msgspec.json.decode(content, type=_Schema).schema
        if not OLDEST_SCHEMA <= schema <= SCHEMA:
            raise BundleError(
                f"{where}: schema",
                f"version {OLDEST_SCHEMA} to {SCHEMA}",
                f"version {schema}",
                "a newer Tradewind wrote this bundle; upgrade with `pip install -U tradewind`.",
            )
        return msgspec.convert(_unbounded(msgspec.json.decode(content)), Manifest)
    except (msgspec.DecodeError, SettingError) as error:
        raise BundleError(where, "the manifest of a bundle", str(error)) from error


class _Schema(msgspec.Struct):
    schema: int


def _unbounded(value: Any) -> Any:
    """Put infinity back where a ratio has no upper bound, for which JSON has only null."""
    if isinstance(value, list):
        return [_unbounded(item) for item in value]
    if not isinstance(value, dict):
        return value
    if (
        value.keys() in ({"ratio", "low", "high"}, {"value", "low", "high"})
        and value["high"] is None
    ):
        return {**value, "high": math.inf}
    return {key: _unbounded(item) for key, item in value.items()}


def settings_of(chosen: Engine | ConfidenceRule) -> dict[str, Any]:
    """Return the settings of an engine or rule as the manifest holds them: in terms of JSON."""
    return dict(msgspec.json.decode(msgspec.json.encode(chosen)))


def _converted(settings: dict[str, Any], kind: type[Kind], where: str) -> Kind:
    try:
        return msgspec.convert(settings, kind)
    except (msgspec.ValidationError, SettingError) as error:
        raise BundleError(
            f"{where}: settings", f"settings of {kind.__name__}", f"{error}"
        ) from error

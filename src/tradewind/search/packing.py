"""What a search found, as a bundle holds it."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

import msgspec

from tradewind import __version__
from tradewind.bundle import (
    CASCADE,
    SCHEMA,
    TIMINGS,
    TOKENIZER,
    Estimate,
    Manifest,
    RuleRecord,
    Source,
    SplitSizes,
    StageRecord,
    TokenizerRecord,
    UnlabelledSource,
    VariantRecord,
    settings_of,
)
from tradewind.data import Preprocessing, Tokenization, Unlabelled, carried_classes
from tradewind.measure import to_npz
from tradewind.model import Model
from tradewind.search.candidates import Graph
from tradewind.search.optimizing import Outcome
from tradewind.search.trials import Trial

FOLDER = PurePosixPath("models")


def pack(outcome: Outcome, command: str) -> tuple[Manifest, dict[str, Model]]:
    """Return the record of a search with the graphs that belong to it.

    The original, the chosen variant and every other certified one are kept.

    Args:
        outcome: what was found.
        command: what reproduces it.

    Returns:
        The manifest, and the graphs by their path inside the bundle.
    """
    job = outcome.job
    steps = job.dataset.preprocessing
    pending = () if outcome.questions is None else outcome.questions.pending
    kept = [
        trial
        for trial in outcome.trials
        if trial is outcome.chosen
        or trial.is_baseline
        or trial.is_certified
        or trial.name in pending
    ]
    models = {
        _path(stage.graph): stage.graph.model for trial in kept for stage in trial.plan.stages
    }
    records = {
        trial.name: replace(
            _record(trial, is_kept=trial in kept),
            estimate=_estimate(trial, outcome.baseline),
        )
        for trial in outcome.trials
    }
    manifest = Manifest(
        schema=SCHEMA,
        tradewind=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        source=Source(
            model=job.model.origin.source,
            framework=job.model.origin.framework,
            model_digest=job.model.digest,
            data=job.dataset.source,
            data_digest=job.dataset.digest,
            examples=len(job.dataset),
            unlabelled=_further(job.unlabelled),
            parity=job.model.origin.parity,
        ),
        budget=job.budget,
        hardware=job.hardware,
        splits=SplitSizes(
            calibrate=len(job.splits.calibrate),
            select=len(job.splits.select),
            certify=len(job.splits.certify),
            digest=job.splits.digest,
            seed=job.settings.seed,
        ),
        baseline=records[outcome.baseline.name],
        chosen=records[outcome.chosen.name],
        reason=outcome.reason,
        variants=tuple(records.values()),
        refused=tuple(outcome.refused),
        preprocessing=steps if isinstance(steps, Preprocessing) else None,
        is_complete=outcome.is_complete,
        elapsed_s=outcome.elapsed_s,
        tested=outcome.tested,
        pending=pending,
        asked=None if outcome.questions is None else outcome.questions.record,
        tokenization=TokenizerRecord.of(steps) if isinstance(steps, Tokenization) else None,
        classes=job.dataset.classes or carried_classes(job.model),
        rates=None if outcome.raced is None else outcome.raced.rates,
        conditions=None if outcome.raced is None else outcome.raced.conditions,
    )
    return manifest, models


def texts(outcome: Outcome) -> dict[str, str | bytes]:
    """Return the files that belong into the bundle besides its graphs and its record."""
    steps = outcome.job.dataset.preprocessing
    words = {TOKENIZER: steps.tokenizer} if isinstance(steps, Tokenization) else {}
    return {**words, **single_times(outcome)}


def single_times(outcome: Outcome) -> dict[str, bytes]:
    """Return every single time of the last race as a file of the bundle."""
    return {} if outcome.raced is None else {TIMINGS: to_npz(outcome.raced.raw)}


def _further(found: Unlabelled | None) -> UnlabelledSource | None:
    if found is None:
        return None
    dataset = found.dataset
    return UnlabelledSource(dataset.source, dataset.digest, len(found), found.known)


def _path(graph: Graph) -> str:
    steps = [step.name for step in graph.steps]
    name = f"{'-'.join(steps)}-{graph.model.digest[:8]}" if steps else "original"
    return str(FOLDER / f"{name}.onnx")


def _estimate(trial: Trial, baseline: Trial) -> Estimate:
    """Return the quick timings, scaled by what the careful timing made of the baseline's."""
    latency = baseline.percentiles.p50 if baseline.percentiles else baseline.latency_s * 1e3
    throughput = baseline.throughput_per_s or 1 / baseline.example_s
    cpu_ms = baseline.cpu_ms or baseline.cpu_s * 1e3
    return Estimate(
        latency_ms=latency * trial.latency_s / baseline.latency_s,
        throughput_per_s=throughput * baseline.example_s / trial.example_s,
        cpu_ms_per_example=cpu_ms * trial.cpu_s / baseline.cpu_s,
    )


def _record(trial: Trial, *, is_kept: bool) -> VariantRecord:
    stages = _stages(trial, is_kept=is_kept)
    alone = stages[0]
    found = VariantRecord(
        variant=trial.name,
        engine=CASCADE if trial.plan.is_cascade else alone.engine,
        settings={} if trial.plan.is_cascade else alone.settings,
        passes=tuple(dict.fromkeys(step for stage in stages for step in stage.passes)),
        description=trial.plan.label,
        model=None if trial.plan.is_cascade else alone.model,
        model_digest=_digest(stages) if trial.plan.is_cascade else alone.model_digest,
        size_bytes=trial.plan.size_bytes,
        stages=stages if trial.plan.is_cascade else (),
    )
    return measured(found, trial)


def measured(record: VariantRecord, trial: Trial) -> VariantRecord:
    """Return a record with all that was measured of its variant, and nothing of before.

    The shares that the stages of a cascade answered are filled in, too.
    """
    shares = trial.answered or (None,) * len(record.stages)
    return replace(
        record,
        stages=tuple(
            replace(stage, answered=share)
            for stage, share in zip(record.stages, shares, strict=bool(record.stages))
        ),
        estimate=None,
        latency_ms=trial.percentiles,
        throughput_per_s=trial.throughput_per_s,
        batch_size=trial.load.batch_size,
        cpu_ms_per_example=trial.cpu_ms,
        peak_memory_bytes=trial.peak_memory_bytes,
        steady_memory_bytes=trial.steady_memory_bytes,
        loss=trial.loss,
        select_drop=None if trial.select is None else trial.select.drop,
        speedup=trial.speedup,
        throughput_gain=trial.throughput_gain,
        footprint=trial.footprint,
        reported=trial.reported,
        drop=trial.drop,
        certificate=trial.certificate,
    )


def _stages(trial: Trial, *, is_kept: bool) -> tuple[StageRecord, ...]:
    plan = trial.plan
    rules = [RuleRecord(rule.name, settings_of(rule)) for rule in plan.rules]
    shares = trial.answered or (None,) * len(plan.stages)
    return tuple(
        StageRecord(
            description=stage.label,
            engine=stage.engine.name,
            settings=settings_of(stage.engine),
            passes=tuple(step.name for step in stage.graph.steps),
            model=_path(stage.graph) if is_kept else None,
            model_digest=stage.graph.model.digest,
            size_bytes=len(stage.graph.model.content),
            rule=rule,
            answered=share,
        )
        for stage, rule, share in zip(plan.stages, [*rules, None], shares, strict=True)
    )


def _digest(stages: tuple[StageRecord, ...]) -> str:
    """Return one digest over everything that decides what a cascade answers."""
    decisive = [(one.model_digest, one.engine, one.settings, one.rule) for one in stages]
    return hashlib.sha256(msgspec.json.encode(decisive, order="sorted")).hexdigest()

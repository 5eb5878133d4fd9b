"""What a bundle holds, certified and timed once more: on another machine, or on newer examples."""

import time
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from tradewind import __version__
from tradewind.bundle import Asked, Bundle, Manifest, Refusal, SplitSizes, VariantRecord
from tradewind.data import Dataset, Splits, split
from tradewind.errors import BundleError, SettingError, Stopped, TradewindError
from tradewind.measure import Task, calling, parse_metric, this_machine
from tradewind.model import Model
from tradewind.search.candidates import Graph
from tradewind.search.certifying import Certifier
from tradewind.search.choosing import choose
from tradewind.search.costs import cost_of
from tradewind.search.finals import finalists, race, weigh
from tradewind.search.job import Job, check_truth
from tradewind.search.labels import Labels
from tradewind.search.optimizing import Outcome, names_of_tested
from tradewind.search.packing import measured
from tradewind.search.plans import Plan, Stage
from tradewind.search.probing import Inputs, best_load, callers_of, make_inputs, probe
from tradewind.search.progress import Progress, Silence
from tradewind.search.reporting import report
from tradewind.search.settings import Deadline, SearchSettings
from tradewind.search.trials import Trial

CERTIFIED = 0.6
"""Share of the time after which no further example is looked at."""

TIMED = 0.9
"""Share of the time after which nothing further is timed."""

_TIMED_EXAMPLES = 200
_LOAD_TURN_S = 0.06


def recertify(
    bundle: Bundle,
    dataset: Dataset,
    settings: SearchSettings | None = None,
    progress: Progress | None = None,
    labels: Labels | None = None,
) -> Outcome:
    """Test and time the variants of a bundle on this machine.

    With the examples that the bundle was made with, those that its certificates rest on are
    asked again, in the same order of variants: all certificates together are as sure as one.
    With other examples, which must be new to every variant, the chosen variant is tested first
    and then the others, the safest first.

    Args:
        bundle: with its variants.
        dataset: examples as the bundle's model takes them.
        settings: how long it may take; of new examples the seed decides which are timed with.
        progress: is told what happens.
        labels: those that the bundle waits for; its variants are tested in the order in which
            they wait. None where the data have labels, or the promise needs none.

    Returns:
        What was found; its trials have the names of the bundle's variants.

    Raises:
        BundleError: the bundle does not say in which order its variants were tested.
        DataError: the examples are too few or do not fit.
        SettingError: the promise needs labels or groups, and there are none.
        EngineError: not even the original runs here.
        Stopped: interrupted before the original had answered.
    """
    settings = settings or SearchSettings()
    told = progress or Silence()
    manifest = bundle.manifest
    if manifest.rates is not None:
        settings = replace(settings, prices=manifest.rates.prices)
    told_of = {one.metric: one for record in manifest.variants for one in record.reported}
    settings = replace(settings, reports=tuple(told_of))
    model = bundle.model(manifest.baseline)
    metric = parse_metric(manifest.budget.metric, model)
    if labels is None:
        check_truth(model, dataset, metric)
    _check_groups(manifest, dataset)
    splits, names = _plan(bundle, dataset, settings, has_answers=labels is not None)
    deadline = Deadline(time.monotonic(), settings.time_s)
    hardware = this_machine()
    job = Job(model, dataset, splits, manifest.budget, metric, settings, hardware, deadline)
    inputs = make_inputs(dataset.take, job.timed(), job.fixed_batch)
    told.begin("looking at the variants", len(names) + 1)
    try:
        baseline = _trial(bundle, manifest.baseline, job, inputs)
    except KeyboardInterrupt:
        raise Stopped("recertify", "time to run the original", "an interruption") from None
    trials, refused = _trials(bundle, names, job, inputs, told)
    is_complete = _certify(job, baseline, trials, told, labels, manifest.asked)
    entrants = finalists(baseline, trials, cost_of(job))
    told.begin("timing", len(entrants))
    raced = race(job, entrants, inputs, deadline.at(TIMED))
    weigh(job, entrants, inputs)
    if labels is None:
        report(job, entrants, max(deadline.at(1.0), deadline.clock() + 1.0))
    chosen, reason = choose(job.budget, entrants)
    everything = [baseline, *trials]
    refused += [
        Refusal(trial.name, trial.refusals[-1])
        for trial in everything
        if trial.refusals and trial is not chosen
    ]
    return Outcome(
        job,
        baseline,
        chosen,
        reason,
        everything,
        refused,
        is_complete,
        deadline.elapsed_s,
        names_of_tested(trials),
        raced=raced,
    )


def renewed(manifest: Manifest, outcome: Outcome, command: str) -> Manifest:
    """Return the record of a bundle with what was found here in place of what it said.

    Variants that were not kept, or do not run here, are left out.

    Args:
        manifest: what the bundle said.
        outcome: what `recertify` returned.
        command: what reproduces it.
    """
    job = outcome.job
    dataset, splits = job.dataset, job.splits
    old = {record.variant: record for record in manifest.variants}
    records = {trial.name: measured(old[trial.name], trial) for trial in outcome.trials}
    return replace(
        manifest,
        tradewind=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        source=replace(
            manifest.source,
            data=dataset.source,
            data_digest=dataset.digest,
            examples=len(dataset),
        ),
        hardware=job.hardware,
        splits=SplitSizes(
            calibrate=len(splits.calibrate),
            select=len(splits.select),
            certify=len(splits.certify),
            digest=splits.digest,
            seed=splits.seed,
        ),
        baseline=records[outcome.baseline.name],
        chosen=records[outcome.chosen.name],
        reason=outcome.reason,
        variants=tuple(records.values()),
        refused=tuple(outcome.refused),
        is_complete=outcome.is_complete,
        elapsed_s=outcome.elapsed_s,
        tested=outcome.tested,
        pending=(),
        roofline=None,  # it was that of the machine before
        rates=None if outcome.raced is None else outcome.raced.rates,
        conditions=None if outcome.raced is None else outcome.raced.conditions,
    )


def kept_graphs(bundle: Bundle, manifest: Manifest) -> dict[str, Model]:
    """Return every graph that a renewed record names, by its path inside the bundle."""
    found: dict[str, Model] = {}
    for record in manifest.variants:
        found |= {
            part.model: model
            for part, model in zip(record.parts, bundle.models(record), strict=True)
            if part.model is not None
        }
    return found


def _check_groups(manifest: Manifest, dataset: Dataset) -> None:
    certificate = manifest.chosen.certificate
    if certificate is not None and certificate.unit == "group" and dataset.groups is None:
        raise SettingError(
            "--group", "the groups that the promise is about", "none", "name their column."
        )


def _plan(
    bundle: Bundle, dataset: Dataset, settings: SearchSettings, *, has_answers: bool
) -> tuple[Splits, list[str]]:
    """Return which examples may be looked at, and the variants in the order of their tests."""
    manifest = bundle.manifest
    order = manifest.pending or manifest.tested
    kept = {record.variant: record for record in manifest.variants if record.is_kept}
    if dataset.digest == manifest.source.data_digest:
        splits = split(dataset, manifest.splits.seed)
        if splits.digest != manifest.splits.digest:
            # examples of an earlier renewal, which were divided as new ones are
            splits = _all_new(dataset, manifest.splits.seed)
        if splits.digest != manifest.splits.digest or not order:
            raise BundleError(
                str(bundle.folder),
                "the order in which its variants were tested",
                "a bundle that does not say so",
                "bring examples that it has not seen, or run `tradewind optimize` again.",
            )
        if manifest.pending and not has_answers:
            hint = "fill them in, and give the file with `--labels FILE`."
            raise BundleError(str(bundle.folder), "the labels that it waits for", "none", hint)
        tested = [name for name in order if name in kept]
        first = [name for name in kept if name not in tested]
        return splits, [*first, *tested]
    if has_answers:
        expected = "the data that the labels were asked for"
        raise BundleError(str(bundle.folder), expected, f"others: {dataset.source}")
    chosen = manifest.chosen.variant
    safest = sorted(kept.values(), key=lambda record: (record.variant != chosen, _risk(record)))
    return _all_new(dataset, settings.seed), [record.variant for record in safest]


def _all_new(dataset: Dataset, seed: int) -> Splits:
    return split(dataset, seed, calibrate=0, select=min(_TIMED_EXAMPLES, len(dataset) // 5))


def _risk(record: VariantRecord) -> float:
    return record.certificate.drop_upper if record.certificate is not None else 0.0


def _trials(
    bundle: Bundle, names: list[str], job: Job, inputs: Inputs, told: Progress
) -> tuple[list[Trial], list[Refusal]]:
    """Return the variants that run here, in order, and why others do not."""
    trials: list[Trial] = []
    refused: list[Refusal] = []
    for name in names:
        record = bundle.variant(name)
        if record.variant == bundle.manifest.baseline.variant:
            continue
        told.step(name)
        try:
            trials.append(_trial(bundle, record, job, inputs))
        except TradewindError as error:
            first = str(error).splitlines()[0]
            refused.append(Refusal(name, f"it does not run here: {first}"))
    return trials, refused


def _trial(bundle: Bundle, record: VariantRecord, job: Job, inputs: Inputs) -> Trial:
    """Compile one variant and look how quick it is.

    Raises:
        TradewindError: it needs what is not here.
    """
    # its passes are names now; what was chosen without a certificate answers as the original
    is_exact = record.certificate is None and record.variant not in bundle.manifest.pending
    stages = tuple(
        Stage(Graph((), model, part.description, is_exact), part.to_engine())
        for part, model in zip(record.parts, bundle.models(record), strict=True)
    )
    rules = tuple(part.rule.to_rule() for part in record.parts if part.rule is not None)
    plan = Plan(stages, rules)
    with plan.compile() as runner:
        callers = callers_of(stages[0].engine, job.hardware.cores)
        found = best_load(runner, inputs, callers, _LOAD_TURN_S, job.settings.seed)
        [single] = probe([Task(calling(runner, *inputs.singles))], job.settings.seed)
    is_baseline = record.variant == bundle.manifest.baseline.variant
    return Trial(
        plan,
        found.load,
        float(np.median(single.means_s if plan.is_cascade else single.medians_s)),
        found.example_s,
        found.cpu_s,
        name=record.variant,
        is_baseline=is_baseline,
    )


def _certify(
    job: Job,
    baseline: Trial,
    trials: list[Trial],
    told: Progress,
    labels: Labels | None,
    asked: Asked | None,
) -> bool:
    """Test the variants; return whether nobody interrupted."""
    most = None if labels is None or asked is None else asked.looked_at
    told.begin("certifying", len(trials))
    told.step(baseline.name)
    try:
        until = job.deadline.at(CERTIFIED)
        Certifier(job, baseline, until, labels, most).run(trials, told)
    except KeyboardInterrupt:
        told.note("interrupted: going on with what was certified")
        return False
    return True

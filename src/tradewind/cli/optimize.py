"""`tradewind optimize`."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import get_args

import click
import numpy as np

from tradewind.budget import Budget, Objective
from tradewind.bundle import REPORT, Manifest, check_target, front_of, write_bundle
from tradewind.cli.guessing import tell_guess
from tradewind.cli.opening import Importing, importing, open_examples, open_unlabelled
from tradewind.cli.output import as_json, print_json, shown, told
from tradewind.cli.pricing import priced
from tradewind.cli.remembering import CACHING, remembering
from tradewind.cli.watching import Watching
from tradewind.data import Dataset
from tradewind.errors import ModelError, OutputError, SettingError
from tradewind.importers.environments import home
from tradewind.measure import FIGURES, Prices
from tradewind.report import page, summary
from tradewind.search import (
    Cache,
    Effort,
    SearchSettings,
    optimize,
    pack,
    parse_time,
    standings,
    texts,
    write_questions,
)


@click.command(
    "optimize",
    epilog="Example: tradewind optimize model.onnx --data test.npz --max-drop 0.01 --time 5m",
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--data",
    required=True,
    metavar="DATA",
    help="Examples that training has not seen: .npz, .parquet, .csv, a folder of images or WAV "
    "files by class, or package.module:function.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The bundle to write. [default: MODEL with the ending .tw]",
)
@click.option("--overwrite", is_flag=True, help="Replace a bundle that is there already.")
@click.option(
    "--unlabelled",
    metavar="DATA",
    help="Further examples to calibrate and train on, whose labels are not looked at; those that "
    "--data holds too are left out.",
)
@click.option("--label", default="label", show_default=True, help="Array or column of labels.")
@click.option(
    "--group",
    metavar="NAME",
    help="Array or column that says which examples belong together, such as the video or the user "
    "they come from; a certificate then counts groups, which are independent, not examples.",
)
@click.option(
    "--preprocess",
    metavar="TEXT",
    help="What is done to raw images or sound, as a JSON file or as "
    "'scale=255;mean=.485,.456,.406;std=.229,.224,.225;size=224x224;layout=nchw'.",
)
@click.option(
    "--metric",
    help="accuracy, top:K (the label is among the K most likely classes), agreement (with the "
    "original; needs no labels), within:TOLERANCE (share of answers so near the truth) or "
    "error:LIMIT (mean absolute error, no value counting for more than LIMIT, as a share of it). "
    "[default: accuracy with labels, else agreement]",
)
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=click.Choice(list(FIGURES)),
    help="Tell this figure of the finalists too, with a bootstrap interval. It is not certified, "
    "and decides nothing. May be given several times.",
)
@click.option(
    "--label-budget",
    type=int,
    metavar="N",
    help="Of data without labels: ask for up to N, in a table beside the bundle, just for those "
    "examples whose answers change; `tradewind recertify --labels` goes on with them.",
)
@click.option(
    "--max-drop",
    type=float,
    default=0.01,
    show_default=True,
    help="Share of right answers that may be lost; of error:LIMIT, the share of LIMIT that the "
    "error may rise by.",
)
@click.option(
    "--confidence",
    type=float,
    default=0.95,
    show_default=True,
    help="How sure the certificate is.",
)
@click.option("--max-latency-ms", type=float, help="Limit of the p99 latency at batch 1.")
@click.option("--max-memory-mb", type=float, help="Limit of the peak memory of a fresh process.")
@click.option(
    "--objective",
    type=click.Choice(get_args(Objective)),
    default="latency",
    show_default=True,
    help="What to make best; energy and carbon are judged by the processor's counters where they "
    "can be read, else by CPU time, and cost by the time of the cores that are occupied.",
)
@click.option(
    "--time",
    "time_text",
    default="5m",
    show_default=True,
    help="When the answer is due: 90s, 5m, 1h.",
)
@click.option(
    "--effort",
    type=click.Choice(get_args(Effort)),
    default="normal",
    show_default=True,
    help="How much is tried while time allows.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Repeats all decisions.")
@priced
@remembering
@importing
@as_json
def command(
    model: Path,
    data: str,
    out: Path | None,
    overwrite: bool,
    unlabelled: str | None,
    label: str,
    group: str | None,
    preprocess: str | None,
    metric: str | None,
    reports: tuple[str, ...],
    label_budget: int | None,
    max_drop: float,
    confidence: float,
    max_latency_ms: float | None,
    max_memory_mb: float | None,
    objective: Objective,
    time_text: str,
    effort: Effort,
    seed: int,
    prices: Prices,
    cache: Cache | None,
    how: Importing,
    as_json: bool,
) -> None:
    """Find the cheapest way to run MODEL that loses no more than you allow.

    Tries quantization, fusion and engines on this machine, certifies with a statistical test on
    examples that no earlier step has seen, times the finalists against the original in one
    interleaved run, and writes a bundle with a report. MODEL stays as it is. When nothing
    better can be shown, the bundle holds the original, and says why.

    Ctrl-C ends the search early and keeps what was finished. The same command goes on where an
    earlier one ended, however it ended.
    """
    target = out or _beside(model)
    settings = SearchSettings(parse_time(time_text), effort, seed, prices, reports)
    budget = Budget(
        metric or "accuracy", max_drop, confidence, objective, max_latency_ms, max_memory_mb
    )
    check_target(target, overwrite=overwrite)
    questions = target.with_name(f"{target.name.removesuffix('.tw')}.questions.csv")
    if label_budget is not None and questions.exists() and not overwrite:
        hint = "it may hold labels; move it, or add `--overwrite`."
        raise OutputError(str(questions), "a free name", "a file that exists already", hint)
    source = how.load(model)
    dataset = open_examples(source, data, label, preprocess, group=group)
    if metric is None and label_budget is None:
        budget = Budget(
            default_metric(dataset), max_drop, confidence, objective, max_latency_ms, max_memory_mb
        )
    further = open_unlabelled(source, unlabelled, label, preprocess, dataset)
    console = told()
    tell_guess(source, dataset, preprocess)
    with Watching(console, settings.time_s) as watching:
        outcome = optimize(
            source, dataset, budget, settings, watching, further, label_budget, cache
        )
        limits = standings(outcome, home(), watching)
    manifest, models = pack(outcome, command_line())
    manifest = replace(manifest, roofline=limits)
    write_bundle(target, manifest, models, page(manifest), texts(outcome))
    asked = outcome.questions
    if asked is not None:
        write_questions(questions, dataset, asked)
    if as_json:
        told_so = {} if asked is None else {"questions": str(questions)}
        print_json({**document(manifest, target), **told_so})
        return
    shown().print(summary(manifest, str(target)))
    if asked is not None and len(asked.examples):
        shown().print(
            f"Labels    fill in {len(asked.examples):,} in {questions}, then run "
            f"`tradewind recertify {target} --data {data} --labels {questions}`",
            soft_wrap=True,
        )


def _beside(model: Path) -> Path:
    """Return the bundle's place when none is given: next to the model."""
    if not model.name:
        raise ModelError(str(model), "a model file", "a folder", "name the file in it.")
    return model.with_name(f"{model.name}.tw") if model.is_dir() else model.with_suffix(".tw")


def document(manifest: Manifest, target: Path) -> dict[str, object]:
    """Return what `--json` prints: the manifest, with where it was written."""
    front = front_of(manifest)
    return {
        "bundle": str(target),
        "report": str(target / REPORT),
        **manifest.to_builtins(),
        "front": list(front.variants),
        "best": dict(front.best),
    }


def default_metric(dataset: Dataset) -> str:
    """Return the metric that fits the labels.

    Raises:
        SettingError: the labels are measurements, for which a tolerance must be given.
    """
    labels = dataset.labels
    if labels is None:
        return "agreement"
    if labels.dtype.kind == "f":
        hint = "say how far an answer may be off: `--metric within:0.5`."
        if np.array_equal(labels, np.trunc(labels)):
            hint += " If they are numbers of classes, save them with `labels.astype(int)`."
        expected = "a tolerance for labels that are measurements"
        raise SettingError("--metric", expected, "none", hint)
    return "accuracy"


def command_line() -> str:
    """Return the command that is running, as one would type it again."""
    context = click.get_current_context()
    words = ["tradewind", context.info_name or ""]
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if isinstance(parameter, click.Argument):
            words += [str(one) for one in (value if isinstance(value, tuple) else (value,))]
        elif parameter.name in CACHING:
            continue  # it decides how long a search takes, not what it is
        elif value is not None and value is not False and value != parameter.default:
            name = max(parameter.opts, key=len)
            given = value if isinstance(value, tuple) else (value,)
            words += [name] if value is True else [w for one in given for w in (name, str(one))]
    return shlex.join(word for word in words if word not in ("--json", "--overwrite"))

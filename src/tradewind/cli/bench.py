"""`tradewind bench`."""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from rich.table import Table

from tradewind.bundle import Percentiles, is_bundle
from tradewind.cli.opening import Importing, Opened, importing, open_any
from tradewind.cli.output import as_json, print_json, shown
from tradewind.errors import SettingError
from tradewind.measure import (
    Ratio,
    Task,
    Timing,
    calling,
    interleave,
    speedup,
    this_machine,
    timing_batches,
)
from tradewind.search import parse_time
from tradewind.tensors import Tensors


@click.command("bench", epilog="Example: tradewind bench model.onnx model.tw --data test.npz")
@click.argument(
    "models", nargs=-1, required=True, metavar="A [B...]", type=click.Path(path_type=Path)
)
@click.option("--data", required=True, metavar="DATA", help="Real inputs, as for optimize.")
@click.option("--label", default="label", show_default=True, help="Column to leave out.")
@click.option("--preprocess", metavar="TEXT", help="As for optimize; bundles bring their own.")
@click.option(
    "--batch-size",
    "batch_sizes",
    type=click.IntRange(1),
    multiple=True,
    help="Batch sizes to time; may be given several times. [default: 1 and 32]",
)
@click.option("--time", "time_text", default="20s", show_default=True, help="How long to time.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Repeats the order of turns.",
)
@click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="NAME",
    help="Of the bundles; may be given several times. [default: the chosen one]",
)
@importing
@as_json
def command(
    models: tuple[Path, ...],
    data: str,
    label: str,
    preprocess: str | None,
    batch_sizes: tuple[int, ...],
    time_text: str,
    seed: int,
    variants: tuple[str, ...],
    how: Importing,
    as_json: bool,
) -> None:
    """Time models and bundles against the first one, interleaved on this machine.

    A model file runs on ONNX Runtime with its default settings, a bundle as its chosen variant.
    Each round runs everything once in a random order, so that noise hits all alike; intervals
    are those of a sign test over rounds, at 95% confidence. Every call gets other examples, and
    cascades, whose time depends on them, are compared by their means.
    """
    sizes = tuple(sorted(set(batch_sizes or (1, 32))))
    asked = [
        (path, variant)
        for path in models
        for variant in ((variants or (None,)) if is_bundle(path) else (None,))
    ]
    opened = [open_any(path, variant, how.of(path, models)) for path, variant in asked]
    names = _names([path for path, _ in asked], opened)
    inputs = _inputs(opened[0], data, label, preprocess, sizes)
    for one in opened:
        fixed = one.model.signature.fixed_batch
        if fixed is not None and set(sizes) != {fixed}:
            raise SettingError(one.name, f"--batch-size {fixed}, which is fixed", str(sizes))
        for batches in inputs.values():
            one.model.signature.check(batches[0])
    lines = _time(opened, names, inputs, parse_time(time_text), seed)
    if as_json:
        print_json({"hardware": this_machine(), "results": lines})
    else:
        shown().print(_table(lines))


@dataclass(frozen=True)
class Line:
    """What was measured of one model at one batch size."""

    name: str
    engine: str
    batch_size: int
    rounds: int
    latency_ms: Percentiles  # of one call with the whole batch
    examples_per_s: float
    cpu_ms_per_example: float
    speedup: Ratio | None  # against the first model at this batch size


def _inputs(
    first: Opened, data: str, label: str, preprocess: str | None, sizes: tuple[int, ...]
) -> dict[int, tuple[Tensors, ...]]:
    dataset = first.examples(data, label, preprocess)
    return timing_batches(dataset.take, np.arange(len(dataset)), sizes)


def _time(
    opened: list[Opened],
    names: list[str],
    inputs: dict[int, tuple[Tensors, ...]],
    time_s: float,
    seed: int,
) -> list[Line]:
    with contextlib.ExitStack() as stack:
        runners = [stack.enter_context(one.compile_ready()) for one in opened]
        keys = [(index, size) for size in inputs for index in range(len(opened))]
        timings = interleave(
            [Task(calling(runners[index], *inputs[size])) for index, size in keys],
            seed=seed,
            turn_s=0.05,
            max_rounds=10_000,
            until=time.monotonic() + time_s,
        )
    found = dict(zip(keys, timings, strict=True))
    return [
        _line(
            opened[index], names[index], found[index, size], found[0, size] if index else None, size
        )
        for index, size in keys
    ]


def _line(one: Opened, name: str, timing: Timing, first: Timing | None, size: int) -> Line:
    varies = one.record is not None and len(one.record.parts) > 1
    return Line(
        name=name,
        engine=one.engine_label,
        batch_size=size,
        rounds=len(timing.turns),
        latency_ms=Percentiles(timing.latency_ms(50), timing.latency_ms(99)),
        examples_per_s=size / float(np.median(timing.wall_per_call_s)),
        cpu_ms_per_example=timing.cpu_per_call_s / size * 1e3,
        speedup=None if first is None else speedup(first, timing, varies=varies),
    )


def _names(paths: list[Path], opened: list[Opened]) -> list[str]:
    """Return what tells one line from another: file names, or whole paths where two are alike."""
    found = [_name(one, one.name) for one in opened]
    places: dict[str, set[Path]] = {}
    for name, path in zip(found, paths, strict=True):
        places.setdefault(name, set()).add(path.absolute())
    return [
        name if len(places[name]) == 1 else _name(one, str(path).removesuffix(".tw"))
        for name, path, one in zip(found, paths, opened, strict=True)
    ]


def _name(one: Opened, stem: str) -> str:
    if one.bundle is None or one.record is None:
        return stem
    name, variant = f"{stem}.tw", one.record.variant
    return name if variant == one.bundle.manifest.chosen.variant else f"{name}: {variant}"


def _table(lines: list[Line]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("model", "engine"):
        table.add_column(title)
    for title in ("batch", "p50 ms", "p99 ms", "examples/s"):
        table.add_column(title, justify="right")
    table.add_column("against the first")
    for line in lines:
        table.add_row(
            line.name,
            line.engine,
            str(line.batch_size),
            f"{line.latency_ms.p50:.3f}",
            f"{line.latency_ms.p99:.3f}",
            f"{line.examples_per_s:,.0f}",
            _verdict(line.speedup),
        )
    return table


def _verdict(gain: Ratio | None) -> str:
    if gain is None:
        return "the first"
    span = f"{gain.ratio:.2f} times ({gain.low:.2f} to {gain.high:.2f})"
    if gain.is_better:
        return f"faster: {span}"
    return f"slower: {span}" if gain.high < 1 else f"no certain difference: {span}"

"""`tradewind apply`."""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
from rich.table import Table

from tradewind.cli.opening import Importing, importing, open_examples
from tradewind.cli.output import as_json, print_json, shown, told
from tradewind.cli.settings import described, parse_settings
from tradewind.data import Dataset
from tradewind.engines import ENGINES
from tradewind.errors import EngineError, OutputError, SettingError
from tradewind.measure import graph_cost
from tradewind.model import Model
from tradewind.passes import PASSES, Change, Observed, Pass, apply_isolated, compare
from tradewind.search import parse_time
from tradewind.tensors import Array, Tensors

_COMPARED = 256
"""Examples on which answers before and after are compared."""


@click.command(
    "apply",
    epilog="Example: tradewind apply prune_channels model.onnx --data train.npz "
    "--set keep=0.5 --out small.onnx\n\n" + described(PASSES),
)
@click.argument("step", metavar="PASS", type=str)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--data",
    metavar="DATA",
    help="Examples for passes that look at some, in any form that optimize takes; labels are not "
    "used. Those that are left over compare the answers before and after.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting of the pass; may be given several times.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="The .onnx file to write."
)
@click.option(
    "--original",
    type=click.Path(path_type=Path),
    help="The model that MODEL was made from, for passes that learn from it.",
)
@click.option("--label", default="label", show_default=True, help="Column to leave out.")
@click.option("--preprocess", metavar="TEXT", help="What is done to raw examples, as for optimize.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the examples drawn."
)
@click.option(
    "--time", "time_text", default="1h", show_default=True, help="When the pass is given up."
)
@importing
@as_json
def command(
    step: str,
    model: Path,
    data: str | None,
    settings: tuple[str, ...],
    out: Path,
    original: Path | None,
    label: str,
    preprocess: str | None,
    seed: int,
    time_text: str,
    how: Importing,
    as_json: bool,
) -> None:
    """Make one change to MODEL and write what came of it.

    PASS is one of those below. MODEL stays as it is. Prints what was done, the size and the
    multiplications before and after, and how far the answers moved on examples that the pass
    has not seen, or if there are none on those that it has.
    """
    _check_out(out, (model, original))
    chosen, limit_s = parse_settings(find_pass(step), settings), parse_time(time_text)
    if chosen.name == "distil" and original is None:
        raise SettingError(
            "--original", "the model that MODEL was made from, to learn from", "none"
        )
    given = [model] if original is None else [model, original]
    source = how.of(model, given).load(model)
    needed = chosen.needs(source).examples
    if needed and data is None:
        hint = "representative inputs are enough; labels are not needed."
        raise SettingError("--data", f"examples for {chosen.name}, up to {needed}", "none", hint)
    examples = None if data is None else open_examples(source, data, label, preprocess)
    seen, fresh, is_fresh = draw(examples, needed, seed)
    teacher = None if original is None else how.of(original, given).load(original)
    with told().status(f"{chosen.label} …"):
        change = apply_isolated(chosen, source, Observed(seen, teacher), limit_s)
    _write(out, change.model)
    difference = compared(source, change.model, fresh)
    document = {
        "out": str(out),
        "pass": chosen.name,
        "settings": asdict(chosen),
        "summary": change.summary,
        "before": asdict(Weight.of(source)),
        "after": asdict(Weight.of(change.model)),
        "difference": None if difference is None else asdict(difference) | {"unseen": is_fresh},
    }
    if as_json:
        print_json(document)
    else:
        shown().print(_table(chosen, source, change, difference, out))


@dataclass(frozen=True)
class Weight:
    """What a model weighs on paper."""

    size_bytes: int
    parameters: int
    macs: int | None  # of one example; None when a shape depends on the input
    nodes: int

    @classmethod
    def of(cls, model: Model) -> "Weight":
        """Return that of one model."""
        cost = graph_cost(model)
        nodes = sum(cost.operators.values())
        return cls(len(model.content), cost.parameters, cost.macs, nodes)


@dataclass(frozen=True)
class Moved:
    """How far answers moved."""

    examples: int
    largest: float  # of all outputs, in their unit
    relative: float  # norm of the difference / norm of the answers, of the worst output
    agreement: float | None  # share of the same class; None where no output holds scores


def find_pass(name: str) -> type[Pass]:
    """Return the pass of that name.

    Raises:
        SettingError: there is none, or its packages are not installed.
    """
    wanted = name.replace("-", "_").lower()
    for kind in PASSES:
        if kind.name == wanted:
            return kind
    known = ", ".join(kind.name for kind in PASSES)
    hint = "distil needs the extra `train`." if wanted == "distil" else ""
    raise SettingError("PASS", f"one of {known}", name, hint)


def draw(
    examples: Dataset | None, needed: int, seed: int
) -> tuple[dict[str, Array], dict[str, Array], bool]:
    """Return examples for the pass, others to compare on, and whether these are unseen."""
    if examples is None:
        return {}, {}, False
    order = np.random.default_rng(seed).permutation(len(examples))
    left = order[needed : needed + _COMPARED]
    others = left if len(left) else order[:_COMPARED]
    seen = examples.take(np.sort(order[:needed])) if needed else {}
    return seen, examples.take(np.sort(others)), bool(len(left))


def compared(before: Model, after: Model, inputs: Tensors) -> Moved | None:
    """Return how far answers moved; None where nothing can be compared.

    Raises:
        EngineError: no engine can run both models.
        PassError: answers are not finite any more.
    """
    count = next((len(array) for array in inputs.values() if array.ndim), 0)
    fixed = before.signature.fixed_batch or count
    if not count or count < fixed:
        return None
    size = fixed if before.signature.fixed_batch else min(count, 32)
    wanted: list[dict[str, Array]] = []
    got: list[dict[str, Array]] = []
    trouble: EngineError | None = None
    for kind in ENGINES:
        try:
            with kind().compile(before) as one, kind().compile(after) as other:
                for batch in Observed(dict(inputs)).full_batches(size):
                    wanted.append(one(batch))
                    got.append(other(batch))
            break
        except EngineError as error:
            wanted, got, trouble = [], [], error
    if not wanted:
        if trouble is not None:
            raise trouble
        return None
    left, right = _joined(wanted), _joined(got)
    found = compare(left, right)
    return Moved(len(wanted) * size, found.largest, found.relative, _agreement(left, right))


def _joined(batches: Sequence[Tensors]) -> dict[str, Array]:
    return {
        name: np.concatenate([np.atleast_1d(batch[name]) for batch in batches])
        for name in batches[0]
    }


def _agreement(before: Tensors, after: Tensors) -> float | None:
    """Return the share of examples whose highest score is of the same class."""
    for name, scores in before.items():
        if scores.ndim == 2 and scores.shape[1] > 1 and scores.dtype.kind == "f":
            return float(np.mean(scores.argmax(1) == after[name].argmax(1)))
    return None


def _table(step: Pass, before: Model, change: Change, moved: Moved | None, out: Path) -> Table:
    old, new = Weight.of(before), Weight.of(change.model)
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row(step.name, change.summary)
    table.add_row("size", f"{old.size_bytes:,} bytes became {new.size_bytes:,}")
    table.add_row("parameters", f"{old.parameters:,} became {new.parameters:,}")
    if old.macs is not None and new.macs is not None:
        table.add_row("MACs per example", f"{old.macs:,} became {new.macs:,}")
    table.add_row("operators", f"{old.nodes:,} became {new.nodes:,}")
    if moved is not None:
        text = f"by {moved.relative:.3g} of their norm, on {moved.examples} examples"
        table.add_row("answers moved", text)
        if moved.agreement is not None:
            table.add_row("same class", f"{moved.agreement:.2%}")
    table.add_row("written to", str(out))
    return table


def _check_out(out: Path, given: Sequence[Path | None]) -> None:
    if out.suffix != ".onnx":
        raise OutputError(str(out), "a name ending in .onnx", out.name)
    if not out.absolute().parent.is_dir():
        raise OutputError(str(out), "an existing folder", f"no folder {out.parent}")
    for path in given:
        if path is not None and path.resolve() in (out.resolve(), *out.resolve().parents):
            hint = "what was given is never changed; choose another name."
            raise OutputError(str(out), f"a place outside of {path}", "one within", hint)


def _write(out: Path, model: Model) -> None:
    """Write next to the final place, then move there in one step."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{out.name}-", dir=out.absolute().parent)
        os.close(handle)
        staging = Path(name)
        try:
            model.save(staging)
            staging.chmod(0o644)
            staging.replace(out)
        finally:
            staging.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            str(out), "room and permission to write", error.strerror or str(error)
        ) from error

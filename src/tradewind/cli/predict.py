"""`tradewind predict`."""

import os
import tempfile
from pathlib import Path

import click
import numpy as np

from tradewind.cli.archives import write_archive
from tradewind.cli.guessing import tell_guess
from tradewind.cli.opening import Importing, Opened, importing, open_any
from tradewind.cli.output import as_json, print_json, shown
from tradewind.cli.tables import write_table
from tradewind.data import Dataset
from tradewind.errors import OutputError, SettingError
from tradewind.tensors import Array


@click.command(
    "predict", epilog="Example: tradewind predict model.tw --in new.npz --out answers.npz"
)
@click.argument("model", metavar="BUNDLE_OR_MODEL", type=click.Path(path_type=Path))
@click.option(
    "--in", "data", required=True, metavar="DATA", help="Examples, in any form that --data takes."
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The answers: .npz, .parquet or .csv; replaced if it is there.",
)
@click.option("--label", default="label", show_default=True, help="Column to leave out.")
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="Examples computed at once.",
)
@click.option(
    "--preprocess",
    metavar="TEXT",
    help="What is done to raw examples of a model, as for optimize; bundles bring their own.",
)
@click.option("--variant", metavar="NAME", help="Of a bundle. [default: the chosen one]")
@importing
@as_json
def command(
    model: Path,
    data: str,
    out: Path,
    label: str,
    batch_size: int,
    preprocess: str | None,
    variant: str | None,
    how: Importing,
    as_json: bool,
) -> None:
    """Answer every example of a file at once; one output array or column set per output."""
    if out.suffix not in (".npz", ".parquet", ".csv"):
        raise OutputError(str(out), "a name ending in .npz, .parquet or .csv", out.name)
    if not out.absolute().parent.is_dir():
        raise OutputError(str(out), "an existing folder", f"no folder {out.parent}")
    for given in (Path(data), model):
        if given.resolve() in (out.resolve(), *out.resolve().parents):
            hint = "what was given is never changed; choose another name."
            raise OutputError(str(out), f"a place outside of {given}", "one within", hint)
    opened = open_any(model, variant, how)
    if opened.bundle is not None and preprocess is not None:
        raise SettingError("--preprocess", "a model", f"{model}, a bundle, which brings its own")
    dataset = opened.examples(data, label, preprocess)
    if opened.bundle is None:
        tell_guess(opened.model, dataset, preprocess)
    answers = answer_all(opened, dataset, batch_size)
    _write(out, answers)
    if as_json:
        shapes = {name: list(array.shape) for name, array in answers.items()}
        print_json({"out": str(out), "examples": len(dataset), "outputs": shapes})
    else:
        shown().print(f"{out}: {len(dataset):,} answers, {', '.join(answers)}", soft_wrap=True)


def answer_all(opened: Opened, dataset: Dataset, batch_size: int) -> dict[str, Array]:
    """Return the outputs for all examples, [examples, ...] each."""
    fixed = opened.model.signature.fixed_batch
    size = fixed or batch_size
    parts: list[dict[str, Array]] = []
    # the dataset has applied the preprocessing already
    with opened.compile_ready() as runner:
        for start in range(0, len(dataset), size):
            count = min(size, len(dataset) - start)
            wanted = np.arange(start, start + (fixed or count))
            batch = dataset.take(np.minimum(wanted, len(dataset) - 1))
            parts.append({name: array[:count] for name, array in runner(batch).items()})
    return {name: _joined([part[name] for part in parts]) for name in parts[0]}


def _joined(parts: list[Array]) -> Array:
    """Return all answers, shorter ones filled up with zeros, as sentences of a batch are."""
    shape = np.max([part.shape[1:] for part in parts], axis=0, initial=0).astype(int)
    found = []
    for part in parts:
        missing = shape - part.shape[1:]
        found.append(np.pad(part, [(0, 0), *((0, size) for size in missing)]))
    return np.concatenate(found)


def _write(out: Path, answers: dict[str, Array]) -> None:
    """Write next to the final place, then move there in one step."""
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{out.name}-", suffix=out.suffix, dir=out.absolute().parent
        )
        os.close(handle)
        staging = Path(name)
        try:
            if out.suffix == ".npz":
                write_archive(staging, answers)
            else:
                write_table(staging, answers)
            staging.chmod(0o644)
            staging.replace(out)
        finally:
            staging.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            str(out), "room and permission to write", error.strerror or str(error)
        ) from error

"""`tradewind recertify`."""

from pathlib import Path

import click

from tradewind.bundle import check_target, open_bundle, write_bundle
from tradewind.cli.opening import open_examples
from tradewind.cli.optimize import command_line, document
from tradewind.cli.output import as_json, print_json, shown, told
from tradewind.cli.watching import Watching
from tradewind.report import page, summary
from tradewind.search import (
    SearchSettings,
    kept_graphs,
    parse_time,
    read_labels,
    recertify,
    renewed,
    single_times,
)


@click.command("recertify", epilog="Example: tradewind recertify model.tw --data test.npz")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--data",
    required=True,
    metavar="DATA",
    help="The examples that BUNDLE was made with, or others that it has never seen.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The bundle to write. [default: BUNDLE with the ending .renewed.tw]",
)
@click.option("--overwrite", is_flag=True, help="Replace a bundle that is there already.")
@click.option("--label", default="label", show_default=True, help="Array or column of labels.")
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="The table of questions that `optimize --label-budget` wrote, with its labels filled in.",
)
@click.option("--group", metavar="NAME", help="Array or column that says what belongs together.")
@click.option(
    "--time",
    "time_text",
    default="2m",
    show_default=True,
    help="When the answer is due: 90s, 5m, 1h.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Divides new examples.")
@as_json
def command(
    bundle: Path,
    data: str,
    out: Path | None,
    overwrite: bool,
    label: str,
    labels: Path | None,
    group: str | None,
    time_text: str,
    seed: int,
    as_json: bool,
) -> None:
    """Renew the certificate of BUNDLE on this machine, or on newer examples.

    Nothing is searched: the variants that BUNDLE holds are tested and timed here, and the best of
    those that keep the promise is chosen. Writes another bundle; BUNDLE stays as it is, unless it
    is named by --out with --overwrite.
    """
    target = out or bundle.with_name(f"{bundle.name.removesuffix('.tw')}.renewed.tw")
    settings = SearchSettings(parse_time(time_text), seed=seed)
    check_target(target, overwrite=overwrite)
    opened = open_bundle(bundle)
    model = opened.model(opened.manifest.baseline)
    dataset = open_examples(model, data, label, None, opened.steps, group)
    answers = None if labels is None else read_labels(labels, dataset)
    with Watching(told(), settings.time_s) as watching:
        outcome = recertify(opened, dataset, settings, watching, answers)
    manifest = renewed(opened.manifest, outcome, command_line())
    files: dict[str, str | bytes] = {**opened.texts(), **single_times(outcome)}
    write_bundle(target, manifest, kept_graphs(opened, manifest), page(manifest), files)
    if as_json:
        print_json(document(manifest, target))
    else:
        shown().print(summary(manifest, str(target)))

"""`tradewind inspect`."""

from dataclasses import asdict
from pathlib import Path

import click
from rich.table import Table

from tradewind.cli.opening import Importing, importing, open_any
from tradewind.cli.output import as_json, print_json, shown
from tradewind.cli.rooflines import groups_table, rooflines_of, standing_line
from tradewind.engines import ENGINES
from tradewind.errors import EngineError
from tradewind.importers import notes_of
from tradewind.measure import graph_cost
from tradewind.model import Model
from tradewind.tensors import TensorSpec


@click.command("inspect", epilog="Example: tradewind inspect model.onnx")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--roofline",
    is_flag=True,
    help="Run it, and say how far its layers are from what this machine can do at best; the peaks "
    "are measured where they are not known, which takes some seconds.",
)
@importing
@as_json
def command(
    model: Path,
    roofline: bool,
    how: Importing,
    as_json: bool,
) -> None:
    """Show what MODEL takes and gives, what it holds, what it costs and what can run it.

    MODEL is a model of any framework, a bundle, or package.module:function, which builds a
    PyTorch module.
    """
    found = open_any(model, how=how).model
    cost = graph_cost(found)
    support = {kind.name: _support(found, kind) for kind in ENGINES}
    standings = rooflines_of(model, found, measure=roofline)
    document = {
        "model": str(model),
        "framework": found.origin.framework,
        "parity": found.origin.parity,
        "notes": notes_of(found),
        "digest": found.digest,
        "size_bytes": len(found.content),
        "opsets": dict(found.graph.opset_imports),
        "inputs": [_spec(spec) for spec in found.signature.inputs],
        "outputs": [_spec(spec) for spec in found.signature.outputs],
        **asdict(cost),
        "arithmetic_intensity": cost.arithmetic_intensity,
        "engines": {name: {"supported": not why, "why": why} for name, why in support.items()},
        "roofline": standings,
    }
    if as_json:
        print_json(document)
        return
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("model", f"{model} ({found.origin.framework})")
    if found.origin.parity is not None:
        table.add_row("parity", str(found.origin.parity))
    for note in notes_of(found):
        table.add_row("note", note)
    for title, specs in (("input", found.signature.inputs), ("output", found.signature.outputs)):
        for spec in specs:
            table.add_row(title, str(spec))
    table.add_row("parameters", f"{cost.parameters:,}")
    table.add_row("size", f"{len(found.content) / 1e6:,.2f} MB")
    macs = "unknown: a shape depends on the input" if cost.macs is None else f"{cost.macs:,}"
    table.add_row("MACs per example", macs)
    if cost.arithmetic_intensity is not None:
        table.add_row("operations per byte", f"{cost.arithmetic_intensity:.1f}")
    kinds = ", ".join(f"{count} {name}" for name, count in cost.operators.items())
    table.add_row("operators", kinds)
    for name, why in support.items():
        table.add_row(name, why or "can run it")
    console = shown()
    console.print(table)
    for name, standing in (standings.variants if standings else {}).items():
        console.print(f"\n{standing_line(name, standing)}")
        console.print(groups_table(standing))


def _spec(spec: TensorSpec) -> dict[str, object]:
    return {"name": spec.name, "datatype": spec.datatype.value, "shape": list(spec.shape)}


def _support(model: Model, kind: type) -> str:
    """Return why an engine cannot run the model; empty when it can."""
    try:
        kind().compile(model).close()
    except EngineError as error:
        return f"cannot run it: expected {error.expected}, got {error.got}"
    return ""

"""This machine's peaks, and how far something is from them, on the terminal."""

from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from tradewind.bundle import is_bundle, open_bundle
from tradewind.engines import Engine, OnnxRuntime, OpenVINO
from tradewind.errors import EngineError, ModelError
from tradewind.importers.environments import home
from tradewind.importers.probes import probes
from tradewind.measure import this_machine
from tradewind.measure.roofline import (
    Peaks,
    Rate,
    Roofline,
    Standings,
    better_of,
    keep_peaks,
    known_peaks,
    limits,
    measure_peaks,
    standing,
)
from tradewind.model import Model

_LEAST_SHARE = 0.005


def peaks_of_this_machine(*, measure: bool, again: bool = False) -> Peaks | None:
    """Return the peaks that are known, or measured now.

    Args:
        measure: whether to, where they are not known.
        again: measure them even if they are known, and keep the better of both.
    """
    machine = this_machine()
    found = known_peaks(home(), machine)
    if again or (measure and found is None):
        found = better_of(measure_peaks(), found)
        keep_peaks(home(), machine, found)
    return found


def rooflines_of(path: Path, model: Model, *, measure: bool) -> Standings | None:
    """Return how far a model is from this machine's limit, or what a bundle says of its variants.

    Args:
        path: of the model or bundle.
        model: what is in it.
        measure: whether to run it; without that it is compared with peaks only if they are known.
    """
    if not measure and is_bundle(path):
        return open_bundle(path).manifest.roofline
    peaks = peaks_of_this_machine(measure=measure)
    if peaks is None:
        return None
    inputs = probes(model.signature)[0]
    if not measure:
        shapes = {name: array.shape for name, array in inputs.items()}
        return Standings(peaks, {"at best": limits(model, peaks, shapes)})
    found: dict[str, Roofline] = {}
    for name, each, engine in _ways(path, model):
        try:
            found[name] = standing(each, engine, inputs, peaks)
        except (EngineError, ModelError):
            continue  # the lines about engines say why
    return Standings(peaks, found)


def _ways(path: Path, model: Model) -> Iterator[tuple[str, Model, Engine]]:
    """Yield the ways to run a model: engines, or the original and the chosen variant of a bundle.

    A cascade is left out, since no answer goes through all of it.
    """
    if not is_bundle(path):
        sizes = (1,) if model.signature.fixed_batch is None else ()
        for engine in (OnnxRuntime(), OpenVINO(batch_sizes=sizes)):
            yield engine.label, model, engine
        return
    bundle = open_bundle(path)
    manifest = bundle.manifest
    both = {one.variant: one for one in (manifest.baseline, manifest.chosen) if not one.stages}
    for name, record in both.items():
        yield name, bundle.model(record), record.to_engine()


def peak_lines(peaks: Peaks) -> list[tuple[str, str]]:
    """Return what a machine can do at best, a name and a value for each."""
    found = [
        (f"peak {name}", _rate(rate, "billion multiply-adds/s"))
        for name, rate in peaks.macs_per_s.items()
    ]
    return [
        *found,
        ("memory bandwidth", _rate(peaks.memory, "GB/s")),
        ("cache bandwidth", _rate(peaks.cache, "GB/s")),
    ]


def _rate(rate: Rate, unit: str) -> str:
    return f"{rate.best / 1e9:,.1f} {unit} (median {rate.median / 1e9:,.1f})"


def standing_line(name: str, found: Roofline) -> str:
    """Return how far one way to run a model is from the limit, in a sentence."""
    if found.measured_ms is None or found.share is None:
        return f"{name}: {found.limit_ms:.3g} ms for an answer at this machine's limit"
    return (
        f"{name}: {found.measured_ms:.3g} ms, at {found.share:.0%} of this machine's limit "
        f"({found.limit_ms:.3g} ms)"
    )


def groups_table(found: Roofline) -> Table:
    """Return what each group of layers computes, moves and takes."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="none")
    is_measured = any(load.measured_ms is not None for load in found.groups)
    for title in ("layers", "MMACs", "in", "kB moved", "limit µs"):
        table.add_column(
            title, justify="left" if title in ("layers", "in") else "right", no_wrap=True
        )
    for title in ("took µs", "of its limit") if is_measured else ():
        table.add_column(title, justify="right")
    for load in found.groups:
        cells = [
            load.group.value,
            f"{load.macs / 1e6:,.2f}" if load.macs else "",
            load.arithmetic if load.macs else "",
            f"{load.bytes_moved / 1e3:,.1f}",
            f"{load.limit_ms * 1e3:,.1f}",
        ]
        if is_measured:
            share = load.share
            cells += [
                "" if load.measured_ms is None else f"{load.measured_ms * 1e3:,.1f}",
                "" if not load.limit_ms or share is None else _share(share),
            ]
        table.add_row(*cells)
    return table


def _share(share: float) -> str:
    return f"{share:.0%}" if share >= _LEAST_SHARE else "<1%"

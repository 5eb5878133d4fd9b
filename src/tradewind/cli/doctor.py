"""`tradewind doctor`."""

import importlib.metadata
import importlib.util
import shutil
import tempfile

import click
from rich.table import Table

from tradewind import __version__
from tradewind.cli.output import as_json, print_json, shown, told
from tradewind.cli.remembering import own_cache
from tradewind.cli.rooflines import peak_lines, peaks_of_this_machine
from tradewind.engines import OpenVINO
from tradewind.importers import ENVIRONMENTS, environment, install
from tradewind.measure import Hardware, this_machine

EXTRAS = {
    "auth": ("signatures and tokens", ("cryptography", "jwt")),
    "gpu": ("the energy of GPUs", ("pynvml",)),
    "grpc": ("our client over gRPC", ("grpc",)),
    "otel": ("traces of a server", ("opentelemetry.sdk", "opentelemetry.exporter.otlp")),
    "sklearn": ("models of scikit-learn", ("sklearn", "skl2onnx", "skops")),
    "text": ("models of sentences", ("tokenizers",)),
    "train": ("distillation, and the engine pytorch", ("torch",)),
    "trees": ("the engine onedal", ("daal4py",)),
}
"""Extra to what it is for, with the modules it needs."""


@click.command("doctor", epilog="Example: tradewind doctor --json")
@click.option(
    "--install",
    "wanted",
    multiple=True,
    metavar="NAME",
    help="Install what models of a framework are converted with, in an environment of its own; "
    "may be given several times. Afterwards no network is needed.",
)
@click.option("--clear-cache", is_flag=True, help="Forget the results of earlier searches.")
@click.option(
    "--peaks",
    is_flag=True,
    help="Measure what this machine can do at best, which takes some seconds; of this and earlier "
    "measurements the better is kept.",
)
@as_json
def command(wanted: tuple[str, ...], clear_cache: bool, peaks: bool, as_json: bool) -> None:
    """Show what this machine has: CPU features, engines, extras, limits; and what is missing."""
    cache = own_cache()
    if clear_cache:
        cache.clear()
    for one in [environment(name) for name in wanted]:
        install(one, lambda line: told().print(line, soft_wrap=True))
    machine = this_machine()
    found_peaks = peaks_of_this_machine(measure=peaks, again=peaks)
    extras = {
        name: all(_is_there(module) for module in modules) for name, (_, modules) in EXTRAS.items()
    }
    disk = shutil.disk_usage(tempfile.gettempdir())
    advice = _advice(machine, extras)
    arithmetic = (*OpenVINO.precisions(), "int8")
    nncf = importlib.metadata.version("nncf")
    if as_json:
        print_json(
            {
                "tradewind": __version__,
                "hardware": machine,
                "arithmetic": arithmetic,
                "nncf": nncf,
                "peaks": found_peaks,
                "extras": extras,
                "environments": {one.name: one.is_installed for one in ENVIRONMENTS},
                "temporary_space_bytes": disk.free,
                "cache": {"folder": str(cache.folder), "size_bytes": cache.size_bytes},
                "advice": advice,
            }
        )
        return
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("tradewind", __version__)
    table.add_row("CPU", f"{machine.cpu}, {machine.cores} cores usable")
    table.add_row("instructions", ", ".join(machine.isa) or "none that matter")
    table.add_row("arithmetic", ", ".join(arithmetic))
    for name, value in peak_lines(found_peaks) if found_peaks else ():
        table.add_row(name, value)
    table.add_row("memory", f"{machine.memory_bytes / 1e9:.1f} GB")
    table.add_row("temporary space", f"{disk.free / 1e9:.1f} GB free")
    table.add_row("cache of searches", f"{cache.size_bytes / 1e9:.2f} GB in {cache.folder}")
    for name, version in machine.engines.items():
        table.add_row(name, version)
    table.add_row("nncf", nncf)
    for name, there in extras.items():
        how = f'pip install "tradewind[{name}]", for {EXTRAS[name][0]}'
        table.add_row(f"extra {name}", "installed" if there else how)
    for one in ENVIRONMENTS:
        how = "installed" if one.is_installed else f"tradewind doctor --install {one.name}"
        table.add_row(f"environment {one.name}", how)
    console = shown()
    console.print(table)
    for line in advice:
        console.print(line)


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the package around it
        return False


def _advice(machine: Hardware, extras: dict[str, bool]) -> list[str]:
    found = []
    if machine.saturates:
        found.append(
            "No int8 dot products: int8 gains less here, and weights are kept to 7 bits so that "
            "sums do not saturate."
        )
    if not all(extras.values()):
        found.append("An extra is only needed for what is said behind it.")
    return found

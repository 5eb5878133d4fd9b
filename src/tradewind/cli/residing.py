"""The options of `tradewind serve` about which models it holds."""

import functools
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from tradewind.bundle import Trust, is_bundle
from tradewind.cli.opening import Importing, Opened, open_any
from tradewind.cli.output import told
from tradewind.data import carried_classes
from tradewind.engines import OnnxRuntime
from tradewind.errors import SettingError
from tradewind.importers import names_factory
from tradewind.serve import Compile, Control, Opener, Residency, ServedModel, State


def resident(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; the command gets them as one `residency`."""

    @functools.wraps(command)
    def told_together(
        model_dir: Path | None,
        model_control: str,
        model_memory_mb: float | None,
        min_stay_s: float,
        load_wait_s: float,
        poll_s: float,
        pins: tuple[str, ...],
        load_models: tuple[str, ...],
        **others: Any,
    ) -> Any:
        memory = math.inf if model_memory_mb is None else model_memory_mb * 2**20
        residency = Residency(
            folder=model_dir,
            control=Control(model_control),
            memory_bytes=memory,
            min_stay_s=min_stay_s,
            load_wait_s=load_wait_s,
            poll_s=poll_s,
            pinned=pins,
            load=load_models,
        )
        return command(residency=residency, **others)

    for option in reversed(_OPTIONS):
        told_together = option(told_together)
    return told_together


_OPTIONS = (
    click.option(
        "--model-dir",
        type=click.Path(path_type=Path),
        help="Serve the bundles and .onnx files in this folder too; each is loaded when it is "
        "first asked for.",
    ),
    click.option(
        "--model-control",
        type=click.Choice([control.value for control in Control]),
        default=Control.NONE.value,
        show_default=True,
        help="none: the folder is read once. poll: changes in it are followed. explicit: clients "
        "load and unload.",
    ),
    click.option(
        "--model-memory-mb",
        type=float,
        help="What all models together may take in memory, in MiB; the least recently used goes.",
    ),
    click.option(
        "--min-stay-s",
        type=float,
        default=Residency.min_stay_s,
        show_default=True,
        help="Seconds that a model stays at least once it is loaded.",
    ),
    click.option(
        "--load-wait-s",
        type=float,
        default=Residency.load_wait_s,
        show_default=True,
        help="Seconds that a request waits for its model to be loaded; then 503.",
    ),
    click.option(
        "--poll-s",
        type=float,
        default=Residency.poll_s,
        show_default=True,
        help="Seconds between two looks at the folder.",
    ),
    click.option(
        "--pin", "pins", multiple=True, metavar="NAME", help="Never let go of this model."
    ),
    click.option(
        "--load-model",
        "load_models",
        multiple=True,
        metavar="NAME",
        help="Load this model of the folder at the start; * loads all.",
    ),
)


_OPEN = Trust()


def by_name(paths: Sequence[Path]) -> dict[str, Path]:
    """Return models under the names that they are asked for by.

    Raises:
        SettingError: two have the same.
    """
    found: dict[str, Path] = {}
    for path in paths:
        name = name_of(path)
        if name in found:
            raise SettingError("models", "different names", f"{found[name]} and {path}")
        found[name] = path
    return found


def name_of(path: Path) -> str:
    """Return the name of a model: of its file without what comes after the dot, or its function."""
    if names_factory(path):
        return str(path).rpartition(":")[2]
    return path.name.removesuffix(".tw") if is_bundle(path) else path.stem


def answering(given: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Return which variant answers for which model, of what was given as `[MODEL=]NAME`.

    Raises:
        SettingError: a model is not there, or has two variants.
    """
    found: dict[str, str] = {}
    for text in given:
        model, _, variant = text.rpartition("=")
        if not model and len(names) != 1:
            raise SettingError("--variant", "MODEL=NAME where there are several models", text)
        model = model or names[0]
        if model not in names or model in found:
            raise SettingError("--variant", f"once one of {', '.join(names)}", model)
        found[model] = variant
    return found


def opener(
    how: Importing,
    named: Sequence[Path],
    trust: Trust = _OPEN,
    variants: Mapping[str, str] = MappingProxyType({}),
    states: Mapping[str, tuple[State, ...]] = MappingProxyType({}),
) -> Opener:
    """Return what opens bundles and models for the server, once `trust` has nothing against it.

    Args:
        how: models are imported.
        named: those named on the command line, which weights can be for.
        trust: whose bundles are opened.
        variants: name of a model to the variant of its bundle that answers; the chosen one of
            all others.
        states: name of a model to what it remembers within a sequence.
    """

    def opened(path: Path, name: str, version: str) -> Compile:
        distrust = trust.doubt(path)
        if distrust:
            told().print(f"note: {path}: {distrust}", soft_wrap=True)
        found = open_any(path, variants.get(name), how.of(path, named))
        if found.bundle is None:  # threads that wait busily would take the cores of other requests
            found = replace(found, engine=OnnxRuntime(spin=False))
        else:
            for doubt in found.bundle.doubts():
                told().print(f"note: {path}: the certificate does not hold here: {doubt}")
        return partial(_compiled, found, name, version, states.get(name, ()))

    return opened


def _compiled(opened: Opened, name: str, version: str, states: tuple[State, ...]) -> ServedModel:
    runner = opened.compile()
    made = ServedModel(
        name,
        runner,
        f"onnx_{opened.engine_name}",
        version,
        dict(opened.about),
        _digest(opened),
        _classes(opened),
        states,
    )
    try:
        made.check()
    except SettingError:
        runner.close()
        raise
    return made


def _digest(opened: Opened) -> str:
    """Return what is equal for everything that answers alike: graphs, engines, preprocessing."""
    record = opened.record
    graph = opened.model.digest if record is None else record.model_digest
    parts = f"{graph} {opened.engine_label} {opened.preprocessing}"
    return hashlib.sha256(parts.encode()).hexdigest()


def _classes(opened: Opened) -> tuple[str, ...]:
    """Return the names of the classes, where the bundle or the model has them."""
    named = () if opened.bundle is None else opened.bundle.manifest.classes
    return named or carried_classes(opened.model)

"""`tradewind serve`."""

import contextlib
import logging
import math
from pathlib import Path

import click

from tradewind.bundle import Trust
from tradewind.cli.opening import Opened, open_any, trusting
from tradewind.cli.output import as_json, print_json, told
from tradewind.cli.recording import recorded
from tradewind.cli.securing import secured
from tradewind.data import carried_classes
from tradewind.errors import SettingError
from tradewind.serve import Observing, Security, ServedModel, Settings, claim_port, run


@click.command(
    "serve",
    epilog="Example: tradewind serve model.tw\n\n"
    "curl http://127.0.0.1:8000/v2/models/model shows what the model takes.",
)
@click.argument("models", nargs=-1, metavar="BUNDLE_OR_MODEL...", type=click.Path(path_type=Path))
@click.option(
    "--model-dir",
    type=click.Path(path_type=Path),
    help="Serve every bundle and .onnx file in this folder too.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--http-port", type=int, default=8000, show_default=True, help="Port; 0 takes any free one."
)
@click.option(
    "--concurrency", type=int, default=2, show_default=True, help="Requests computed at once."
)
@click.option(
    "--max-queue",
    type=int,
    default=256,
    show_default=True,
    help="Requests that may wait, for each model; more are refused with 503.",
)
@click.option(
    "--max-body-mb", type=float, default=64, show_default=True, help="Largest request in MiB."
)
@click.option(
    "--drain-s",
    type=float,
    default=30,
    show_default=True,
    help="Seconds that accepted requests get after SIGTERM.",
)
@click.option(
    "--server-name",
    default=Settings.server_name,
    show_default=True,
    help="What GET /v2 answers; some clients insist on triton.",
)
@click.option(
    "--admin-port",
    type=int,
    help="Load and unload models on this port only; it listens on --admin-host.",
)
@click.option(
    "--admin-host", default=Settings.admin_host, show_default=True, help="Where --admin-port is."
)
@secured
@recorded
@trusting
@as_json
def command(
    models: tuple[Path, ...],
    model_dir: Path | None,
    host: str,
    http_port: int,
    concurrency: int,
    max_queue: int,
    max_body_mb: float,
    drain_s: float,
    server_name: str,
    admin_port: int | None,
    admin_host: str,
    security: Security,
    trust: Trust,
    observing: Observing,
    trust_pickle: bool,
    as_json: bool,
) -> None:
    """Answer requests for bundles and models over HTTP.

    Speaks the Open Inference Protocol, so that existing clients work unchanged; metrics for
    Prometheus are under /metrics. SIGTERM answers what was accepted, then ends.
    """
    paths = [*models, *found_in(model_dir)]
    if not paths:
        raise SettingError("serve", "a bundle or a model", "nothing", "tradewind serve model.tw")
    if not 0 < max_body_mb < math.inf:
        raise SettingError("--max-body-mb", "a number above 0", f"{max_body_mb:g}")
    size = int(max_body_mb * 2**20)
    settings = Settings(
        host=host,
        port=http_port,
        concurrency=concurrency,
        max_queue=max_queue,
        max_body_bytes=size,
        max_held_bytes=max(size, Settings.max_held_bytes),
        drain_timeout_s=drain_s,
        server_name=server_name,
        admin_port=admin_port,
        admin_host=admin_host,
        security=security,
        observing=observing,
    )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    with claim_port(host, http_port) as port, contextlib.ExitStack() as stack:
        for path in paths:
            distrust = trust.doubt(path)
            if distrust:
                told().print(f"note: {path}: {distrust}", soft_wrap=True)
        served = [served_model(path, stack, trust_pickle=trust_pickle) for path in paths]

        def ready(url: str) -> None:
            names = [model.name for model in served]
            if as_json:
                print_json({"url": url, "models": names})
            else:
                line = f"answering for {', '.join(names)} at {url} (Ctrl-C ends)"
                told().print(line, soft_wrap=True)

        run(served, settings, ready, port)


def found_in(folder: Path | None) -> list[Path]:
    """Return the bundles and models in a folder, by name.

    Raises:
        SettingError: it is no folder.
    """
    if folder is None:
        return []
    if not folder.is_dir():
        raise SettingError("--model-dir", "a folder", f"{folder}, which is none")
    return sorted([*folder.glob("*.tw"), *folder.glob("*.onnx")])


def served_model(
    path: Path, stack: contextlib.ExitStack, *, trust_pickle: bool = False
) -> ServedModel:
    """Open and compile one model; it is closed with `stack`."""
    opened = open_any(path, trust_pickle=trust_pickle)
    if opened.bundle is not None:
        for doubt in opened.bundle.doubts():
            told().print(f"note: {path}: the certificate does not hold here: {doubt}")
    runner = stack.enter_context(opened.compile())
    platform = f"onnx_{opened.engine_name}"
    return ServedModel(
        opened.name, runner, platform, parameters=dict(opened.about), classes=_classes(opened)
    )


def _classes(opened: Opened) -> tuple[str, ...]:
    """Return the names of the classes, where the bundle or the model has them."""
    named = () if opened.bundle is None else opened.bundle.manifest.classes
    return named or carried_classes(opened.model)

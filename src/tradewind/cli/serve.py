"""`tradewind serve`."""

import contextlib
import logging
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from tradewind.bundle import Trust
from tradewind.cli.caching import caching
from tradewind.cli.grouping import grouped
from tradewind.cli.opening import Importing, importing
from tradewind.cli.output import as_json, print_json, told
from tradewind.cli.recording import recorded
from tradewind.cli.residing import answering, by_name, opener, resident
from tradewind.cli.securing import secured
from tradewind.cli.sequencing import Remembered, sequencing
from tradewind.cli.working import Workers, working
from tradewind.errors import SettingError
from tradewind.serve import (
    Batching,
    Caching,
    Control,
    Observing,
    Residency,
    Security,
    Settings,
    Source,
    Worker,
    claim_port,
    look,
    run,
)

_TOLD = 8  # names on the terminal, at most


@click.command(
    "serve",
    epilog="Example: tradewind serve model.tw\n\n"
    "curl http://127.0.0.1:8000/v2/models/model shows what the model takes.",
)
@click.argument("models", nargs=-1, metavar="BUNDLE_OR_MODEL...", type=click.Path(path_type=Path))
@resident
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--http-port", type=int, default=8000, show_default=True, help="Port; 0 takes any free one."
)
@click.option(
    "--grpc-port",
    type=int,
    help="Port for gRPC; 0 takes any free one.  [default: the one after --http-port]",
)
@click.option("--no-grpc", is_flag=True, help="Do not speak gRPC.")
@click.option(
    "--concurrency", type=int, default=2, show_default=True, help="Batches computed at once."
)
@click.option(
    "--max-queue",
    type=int,
    default=256,
    show_default=True,
    help="Requests that may wait, for each model; more are refused with 429.",
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
@click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="[MODEL=]NAME",
    help="The variant of a bundle that answers. [default: the chosen one]",
)
@working
@caching
@sequencing
@grouped
@secured
@recorded
@importing
@as_json
def command(
    models: tuple[Path, ...],
    residency: Residency,
    host: str,
    http_port: int,
    grpc_port: int | None,
    no_grpc: bool,
    concurrency: int,
    max_queue: int,
    max_body_mb: float,
    drain_s: float,
    server_name: str,
    admin_port: int | None,
    admin_host: str,
    variants: tuple[str, ...],
    workers: Workers,
    kept: Caching,
    remembered: Remembered,
    batching: Batching,
    security: Security,
    trust: Trust,
    observing: Observing,
    how: Importing,
    as_json: bool,
) -> None:
    """Answer requests for bundles and models over HTTP and gRPC.

    Speaks the Open Inference Protocol, so that existing clients work unchanged; metrics for
    Prometheus are under /metrics. SIGTERM answers what was accepted, then ends.
    """
    paths = by_name(models)
    names = [*paths, *([] if residency.folder is None else look(residency.folder))]
    states = remembered.states(names, is_complete=residency.folder is None)
    opens = opener(how, models, trust, answering(variants, names), states)
    source = Source(opens, paths, residency)
    _check_names(names, residency)
    if not 0 < max_body_mb < math.inf:
        raise SettingError("--max-body-mb", "a number above 0", f"{max_body_mb:g}")
    size = int(max_body_mb * 2**20)
    settings = Settings(
        host=host,
        port=http_port,
        grpc_port=None if no_grpc else _after(http_port) if grpc_port is None else grpc_port,
        concurrency=concurrency,
        max_queue=max_queue,
        batching=batching,
        max_body_bytes=size,
        max_held_bytes=max(size, Settings.max_held_bytes),
        drain_timeout_s=drain_s,
        server_name=server_name,
        admin_port=admin_port,
        admin_host=admin_host,
        security=security,
        observing=observing,
        caching=kept,
        sequences=remembered.limits,
    )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    worker = Worker.of_environment()
    if worker is not None:
        run((), settings, worker.begin(), worker.port, None, source, worker.grpc, worker)
        return
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(claim_port(host, http_port))
        grpc = None
        if settings.grpc_port is not None:
            grpc = stack.enter_context(claim_port(host, settings.grpc_port, "--grpc-port"))
        tell = partial(_tell, names, None if grpc is None else grpc.port, as_json=as_json)
        if workers.count > 1:
            workers.look_after(port, grpc, settings, residency, states, tell)
        else:
            run((), settings, tell, port, source=source, grpc=grpc)


def _check_names(names: Sequence[str], residency: Residency) -> None:
    """Raise where there is nothing to serve, or to pin, and nothing can come either."""
    if residency.control is not Control.NONE:
        return
    if not names and residency.folder is not None:
        expected, hint = "bundles or .onnx files", "--model-control poll waits for some."
        raise SettingError("--model-dir", expected, f"none in {residency.folder}", hint)
    if not names:
        raise SettingError("serve", "a bundle or a model", "nothing", "tradewind serve model.tw")
    for name in residency.pinned:
        if name not in names:
            raise SettingError("--pin", f"one of {', '.join(names)}", name)


def _after(http_port: int) -> int:
    """Return the port for gRPC that goes with one for HTTP."""
    return http_port + 1 if 0 < http_port < 65535 else 0


def _tell(names: Sequence[str], grpc_port: int | None, url: str, *, as_json: bool) -> None:
    """Say where the server answers, and for which models."""
    if as_json:
        print_json({"url": url, "grpc_port": grpc_port, "models": names})
        return
    more = len(names) - _TOLD
    shown = ", ".join(names[:_TOLD]) + (f" and {more} others" if more > 0 else "")
    also = "" if grpc_port is None else f", gRPC on port {grpc_port}"
    line = f"answering for {shown or 'no model yet'} at {url}{also} (Ctrl-C ends)"
    told().print(line, soft_wrap=True)

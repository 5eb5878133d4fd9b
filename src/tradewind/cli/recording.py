"""The options of `tradewind serve` about what the server records."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tradewind.errors import SettingError
from tradewind.serve import Capture, Observing

_OPTIONS = (
    click.option(
        "--access-log",
        default="",
        metavar="FILE",
        help="Append one line of JSON for each request to this file; - for stderr.",
    ),
    click.option(
        "--server-timing",
        is_flag=True,
        help="Tell in the header Server-Timing of each answer where its time went.",
    ),
    click.option(
        "--otlp-endpoint",
        default="",
        metavar="URL",
        help="Send spans to this collector of OpenTelemetry, as http://HOST:4318/v1/traces.",
    ),
    click.option(
        "--trace-rate",
        type=float,
        default=Observing.trace_rate,
        show_default=True,
        help="The share of requests that is traced unless the caller has decided.",
    ),
    click.option(
        "--triton-metrics", is_flag=True, help="Show the metrics under Triton's names too."
    ),
    click.option(
        "--watts-per-core",
        type=float,
        default=Observing.watts_per_core,
        show_default=True,
        help="Power of a busy core, to estimate energy; 0 for no estimate.",
    ),
    click.option(
        "--capture",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Keep some requests with their answers in this folder, as Parquet files.",
    ),
    click.option(
        "--capture-rate",
        type=float,
        default=Capture.rate,
        show_default=True,
        help="The share of answered requests that is kept.",
    ),
    click.option(
        "--capture-max-mb",
        type=float,
        default=Capture.max_bytes / 2**20,
        show_default=True,
        help="Size of all kept requests in MiB; the oldest are deleted.",
    ),
    click.option(
        "--capture-redact",
        default="",
        metavar="NAME,...",
        help="Inputs and outputs whose values are not kept.",
    ),
)


def recorded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options, and hand them to the command as one argument named `observing`."""

    @functools.wraps(command)
    def called(
        *args: Any,
        access_log: str,
        server_timing: bool,
        otlp_endpoint: str,
        trace_rate: float,
        triton_metrics: bool,
        watts_per_core: float,
        capture: Path | None,
        capture_rate: float,
        capture_max_mb: float,
        capture_redact: str,
        **kwargs: Any,
    ) -> Any:
        if trace_rate != Observing.trace_rate and 0 <= trace_rate <= 1 and not otlp_endpoint:
            raise SettingError("--trace-rate", "--otlp-endpoint URL beside it", "none")
        observing = Observing(
            access_log=access_log,
            server_timing=server_timing,
            otlp_endpoint=otlp_endpoint,
            trace_rate=trace_rate,
            triton_metrics=triton_metrics,
            watts_per_core=watts_per_core,
            capture=_captured(capture, capture_rate, capture_max_mb, capture_redact),
        )
        return command(*args, observing=observing, **kwargs)

    for option in reversed(_OPTIONS):
        called = option(called)
    return called


def _captured(folder: Path | None, rate: float, max_mb: float, redact: str) -> Capture | None:
    names = tuple(name.strip() for name in redact.split(",") if name.strip())
    if folder is None:
        for option, is_given in (
            ("--capture-redact", bool(names)),
            ("--capture-rate", rate != Capture.rate),
            ("--capture-max-mb", max_mb != Capture.max_bytes / 2**20),
        ):
            if is_given:
                raise SettingError(option, "--capture DIR beside it", "none")
        return None
    if not 1 <= max_mb < 2**40:
        raise SettingError("--capture-max-mb", "a number of 1 or more", f"{max_mb:g}")
    return Capture(folder, rate, int(max_mb * 2**20), names)

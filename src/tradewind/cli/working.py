"""The options of `tradewind serve` about its processes."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import click

from tradewind.errors import SettingError, TradewindError
from tradewind.serve import (
    ClaimedPort,
    Control,
    Residency,
    Settings,
    State,
    Supervisor,
    command_of_this_process,
    cores_for,
)

_ABOVE = "what it says about that is above."

_OPTIONS = (
    click.option(
        "--workers",
        "count",
        type=int,
        default=1,
        show_default=True,
        help="Processes that answer on the same port, each with its own models; one that crashes "
        "is started again.",
    ),
    click.option(
        "--pin-cores",
        is_flag=True,
        help="Give each worker cores of its own, neighbours on one NUMA node.",
    ),
)


@final
@dataclass(frozen=True)
class Workers:
    """How many processes answer, and where."""

    count: int = 1
    is_pinned: bool = False

    def __post_init__(self) -> None:
        if self.count < 1:
            raise SettingError("--workers", "1 or more", str(self.count))

    def look_after(
        self,
        port: ClaimedPort,
        grpc: ClaimedPort | None,
        settings: Settings,
        residency: Residency,
        states: Mapping[str, Sequence[State]],
        on_ready: Callable[[str], None],
    ) -> None:
        """Start the workers and keep them alive until they are told to end.

        Raises:
            TradewindError: one of them could not begin.
            SettingError: something is asked of all workers that would reach only one of them.
        """
        self._check(settings, residency, states)
        cores = cores_for(self.count, is_pinned=self.is_pinned)
        command, drain_s = command_of_this_process(), settings.drain_timeout_s
        url = port.url
        if settings.security.tls_cert is not None:
            url = url.replace("http", "https", 1)
        supervisor = Supervisor(command, cores, port, grpc, drain_s)
        code = supervisor.run(functools.partial(on_ready, url))
        if code:
            kind = SettingError if code == SettingError.exit_code else TradewindError
            raise kind("--workers", "workers that answer", f"one that ended with {code}", _ABOVE)

    def _check(
        self, settings: Settings, residency: Residency, states: Mapping[str, Sequence[State]]
    ) -> None:
        if residency.control is Control.EXPLICIT:
            raise SettingError(
                "--model-control",
                "none or poll for several workers",
                "explicit, of which one worker would learn",
                "poll follows the folder in all of them.",
            )
        if settings.admin_port is not None:
            raise SettingError("--admin-port", "one worker", f"{self.count} of them")
        if states:
            raise SettingError(
                "--state",
                "one worker",
                f"{self.count} of them, of which one would remember a sequence",
                "serve models with states by a server of their own.",
            )


def working(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options, and hand them to the command as one argument named `workers`."""

    @functools.wraps(command)
    def called(*args: Any, count: int, pin_cores: bool, **kwargs: Any) -> Any:
        return command(*args, workers=Workers(count, pin_cores), **kwargs)

    for option in reversed(_OPTIONS):
        called = option(called)
    return called

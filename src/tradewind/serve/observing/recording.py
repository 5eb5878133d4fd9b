"""What records requests, put together as the settings say."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tradewind.errors import SettingError
from tradewind.serve.observing.access_log import AccessLog
from tradewind.serve.observing.capture import capture
from tradewind.serve.observing.recorder import Recorder
from tradewind.serve.observing.settings import Observing
from tradewind.serve.observing.tracing import Spans, Tracer
from tradewind.serve.observing.watch import Observer, Watch

_QUEUE_RECORDS = 50_000
_FLUSH_S = 5.0


class Recording:
    """The recorders of one process.

    Args:
        settings: what is recorded.
        version: of Tradewind.

    Raises:
        SettingError: a file cannot be opened, or a package is missing.
    """

    def __init__(self, settings: Observing, version: str) -> None:
        self._recorders: list[Recorder[Any]] = []
        takers: list[Observer] = []
        observers: list[Observer] = []
        if settings.capture is not None:
            sampling, rows = capture(settings.capture)
            takers.append(sampling)
            self._recorders.append(rows)
        if settings.access_log:
            lines = Recorder(_access_log(settings.access_log), _QUEUE_RECORDS)
            observers.append(lines.put)
            self._recorders.append(lines)
        if settings.otlp_endpoint:
            spans = Recorder(Spans(settings.otlp_endpoint, version), _QUEUE_RECORDS)
            observers.append(Tracer(spans))
            self._recorders.append(spans)
        rate = settings.trace_rate if settings.otlp_endpoint else None
        self.watch = Watch(takers, observers, rate) if takers or observers else None

    def dropped(self) -> Mapping[str, int]:
        """Return how many records of each kind were not written."""
        return {recorder.kind: recorder.dropped for recorder in self._recorders}

    def close(self) -> None:
        """Write what is queued, though not for long."""
        for recorder in self._recorders:
            recorder.close(_FLUSH_S)


def _access_log(path: str) -> AccessLog:
    try:
        return AccessLog(None if path == "-" else Path(path))
    except OSError as error:
        got = f"{path}: {error.strerror or error}"
        raise SettingError("access_log", "a file to write to", got) from error

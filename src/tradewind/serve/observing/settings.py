"""What a server records about requests besides counting them."""

from dataclasses import dataclass
from typing import final
from urllib.parse import urlsplit

from tradewind.errors import SettingError
from tradewind.serve.observing.capture import Capture


@final
@dataclass(frozen=True)
class Observing:
    """What the server records about requests besides counting them."""

    access_log: str = ""  # a file for one line of JSON a request; "-" for stderr, "" for none
    server_timing: bool = False  # tell every client in a header where its time went
    otlp_endpoint: str = ""  # where spans are sent, as http://HOST:4318/v1/traces; "" for nowhere
    trace_rate: float = 1.0  # the share of requests that is traced unless the caller decided
    triton_metrics: bool = False  # show the metrics under Triton's names too
    watts_per_core: float = 0.0  # of a busy core, to estimate energy; 0 for no estimate
    capture: Capture | None = None  # requests that are kept with their answers

    def __post_init__(self) -> None:
        if not 0 <= self.trace_rate <= 1:
            raise SettingError("trace_rate", "from 0 to 1", f"{self.trace_rate:g}")
        if not self.watts_per_core >= 0:
            raise SettingError("watts_per_core", "0 or more", f"{self.watts_per_core:g}")
        if self.otlp_endpoint and urlsplit(self.otlp_endpoint).scheme not in ("http", "https"):
            raise SettingError(
                "otlp_endpoint", "a URL as http://127.0.0.1:4318/v1/traces", self.otlp_endpoint
            )

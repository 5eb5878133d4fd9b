"""Who may reach the server, and how it shows who it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

from tradewind.errors import SettingError


@final
@dataclass(frozen=True)
class Security:
    """Keys, tokens and certificates; by default none, and nobody elsewhere may manage.

    Every file is read again when it changes.
    """

    api_keys: Path | None = None  # as `tradewind keys` writes it
    oidc_issuer: str = ""  # whose tokens are good too, as they name it
    oidc_audience: str = ""  # what these tokens must be meant for
    jwks: Path | None = None  # the public keys of the issuer; without it they are fetched from it
    tls_cert: Path | None = None  # the server's certificate, with those between it and its root
    tls_key: Path | None = None  # its private key
    tls_client_ca: Path | None = None  # clients must show a certificate signed by one of these

    def __post_init__(self) -> None:
        pairs = [("oidc_issuer", "oidc_audience"), ("tls_cert", "tls_key")]
        for one, other in [*pairs, *(pair[::-1] for pair in pairs)]:
            if getattr(self, one) and not getattr(self, other):
                raise SettingError(f"--{other.replace('_', '-')}", f"one beside {one}", "none")
        for one, other in (("tls_client_ca", "tls_cert"), ("jwks", "oidc_issuer")):
            if getattr(self, one) and not getattr(self, other):
                raise SettingError(f"--{other.replace('_', '-')}", f"one beside {one}", "none")

    @property
    def has_locks(self) -> bool:
        """Whether requests need a key or token."""
        return self.api_keys is not None or bool(self.oidc_issuer)

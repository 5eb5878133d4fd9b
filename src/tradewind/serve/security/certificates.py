"""The certificates of the server, checked before anybody sees them."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import final

from tradewind.errors import SettingError
from tradewind.serve.security.settings import Security
from tradewind.serve.security.watching import Watched


@final
@dataclass(frozen=True)
class Certificates:
    """Where a certificate, its key and the authorities of clients lie."""

    cert: Path
    key: Path
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return a context for servers, which shows that the files fit each other.

        Raises:
            SettingError: one is missing or unreadable, or the key belongs to another certificate.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            context.load_cert_chain(self.cert, self.key, password=_refuse_password)
        except OSError as error:  # ssl.SSLError is one
            raise SettingError(
                "--tls-cert",
                "a certificate and its unencrypted key, both in PEM",
                f"{self.cert} and {self.key}: {error.strerror or error}",
            ) from error
        if self.client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            try:
                context.load_verify_locations(self.client_ca)
            except OSError as error:
                raise SettingError(
                    "--tls-client-ca", "certificates in PEM", f"{self.client_ca}: {error}"
                ) from error
        return context

    def watched(self) -> tuple[Watched, ...]:
        """Return all files, to notice when one is replaced."""
        paths = (self.cert, self.key, self.client_ca)
        return tuple(Watched(path) for path in paths if path is not None)


def certificates_of(security: Security) -> Certificates | None:
    """Return the certificates that the settings name; None without TLS."""
    if security.tls_cert is None or security.tls_key is None:
        return None
    return Certificates(security.tls_cert, security.tls_key, security.tls_client_ca)


def _refuse_password() -> str:
    """Return no password: without this OpenSSL would ask for one on the terminal."""
    return ""

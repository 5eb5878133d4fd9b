"""The options of `tradewind serve` about who may reach the server."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tradewind.bundle import Demand, Trust
from tradewind.serve import Security

_PATH = click.Path(path_type=Path)

_OPTIONS = (
    click.option(
        "--api-keys",
        type=_PATH,
        help="Ask for one of the keys in this file, which `tradewind keys` writes.",
    ),
    click.option(
        "--oidc-issuer",
        default="",
        metavar="URL",
        help="Take JSON web tokens of this issuer too, exactly as they name it.",
    ),
    click.option("--oidc-audience", default="", help="What such tokens must be meant for."),
    click.option(
        "--jwks",
        type=_PATH,
        help="Public keys of the issuer; without this they are fetched from it.",
    ),
    click.option("--tls-cert", type=_PATH, help="Encrypt: certificates in PEM, ours first."),
    click.option("--tls-key", type=_PATH, help="The unencrypted private key of --tls-cert."),
    click.option(
        "--tls-client-ca",
        type=_PATH,
        help="Let only clients in that show a certificate signed by one of these.",
    ),
    click.option(
        "--signatures",
        type=click.Choice(["require", "warn", "off"]),
        default="off",
        show_default=True,
        help="What to do with bundles and models that no key of --trusted-keys has signed.",
    ),
    click.option(
        "--trusted-keys",
        type=_PATH,
        help="Lines that `tradewind sign --new-key` has printed.",
    ),
)


def secured(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options, and hand them to the command as `security` and `trust`."""

    @functools.wraps(command)
    def called(
        *args: Any,
        api_keys: Path | None,
        oidc_issuer: str,
        oidc_audience: str,
        jwks: Path | None,
        tls_cert: Path | None,
        tls_key: Path | None,
        tls_client_ca: Path | None,
        signatures: Demand,
        trusted_keys: Path | None,
        **kwargs: Any,
    ) -> Any:
        security = Security(
            api_keys, oidc_issuer, oidc_audience, jwks, tls_cert, tls_key, tls_client_ca
        )
        trust = Trust.of(signatures, trusted_keys)
        return command(*args, security=security, trust=trust, **kwargs)

    for option in reversed(_OPTIONS):
        called = option(called)
    return called

"""The gate that the settings ask for."""

from tradewind.serve.security.gate import Gate
from tradewind.serve.security.issuers import KeysInFile, KeysOfIssuer
from tradewind.serve.security.locks import KeyFile, Lock
from tradewind.serve.security.settings import Security
from tradewind.serve.security.tokens import TokenLock


def gate_of(security: Security) -> Gate:
    """Return a gate with a lock for each kind of token that is good.

    Raises:
        SettingError: a file cannot be read, or the issuer does not answer.
    """
    locks: list[Lock] = []
    if security.api_keys is not None:
        locks.append(KeyFile(security.api_keys))
    if security.oidc_issuer:
        keys = (
            KeysOfIssuer(security.oidc_issuer)
            if security.jwks is None
            else KeysInFile(security.jwks)
        )
        locks.append(TokenLock(keys, security.oidc_issuer, security.oidc_audience))
    return Gate(locks)

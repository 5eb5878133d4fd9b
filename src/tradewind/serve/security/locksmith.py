"""The gate that the settings ask for."""

from tradewind.serve.security.gate import Gate
from tradewind.serve.security.locks import KeyFile, Lock
from tradewind.serve.security.settings import Security


def gate_of(security: Security) -> Gate:
    """Return a gate with a lock for each kind of token that is good.

    Raises:
        SettingError: a file cannot be read.
    """
    locks: list[Lock] = []
    if security.api_keys is not None:
        locks.append(KeyFile(security.api_keys))
    return Gate(locks)

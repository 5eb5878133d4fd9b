"""Who may change what the server does."""

from collections.abc import Callable
from ipaddress import ip_address

from tradewind.serve.wire.rsgi import Scope

IsAllowed = Callable[[Scope, str], bool]
"""Says whether whoever sent a request may do what is named, such as `load`."""


def is_from_loopback(scope: Scope, what: str) -> bool:
    """Say whether a request came from this machine; `what` makes no difference."""
    host = scope.client.rpartition(":")[0].strip("[]")
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback

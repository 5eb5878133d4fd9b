"""Who may do what: asked by every protocol before anything else."""

from collections.abc import Sequence
from ipaddress import ip_address

from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.security.limits import Allowances
from tradewind.serve.security.locks import Lock
from tradewind.serve.security.principals import Credentials, Principal, Right

_SCHEME = "bearer "
_MOST_PEERS = 8192
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


class Gate:
    """Lets requests in by their bearer token, or by where they come from.

    Without locks everybody may ask and read, and only this machine may manage. With locks
    nothing is done without a token that fits one of them.

    Args:
        locks: tried in this order.
        allowances: what is left of the limits of each client.
        is_managing: whether the server can be managed here, or only on another port.
    """

    def __init__(
        self,
        locks: Sequence[Lock] = (),
        allowances: Allowances | None = None,
        *,
        is_managing: bool = True,
    ) -> None:
        self._locks = tuple(locks)
        self._is_managing = is_managing
        self.allowances = allowances or Allowances()
        self._peers: dict[str, Principal] = {}  # one connection sends many requests

    @property
    def is_locked(self) -> bool:
        """Whether requests need a token."""
        return bool(self._locks)

    def without_managing(self) -> "Gate":
        """Return a gate to a port from which the server cannot be managed."""
        return Gate(self._locks, self.allowances, is_managing=False)

    def check(
        self, headers: Credentials, right: Right, model: str = "", peer: str = ""
    ) -> Principal:
        """Return who asks.

        Args:
            headers: of the request, or its metadata.
            right: what is to be done.
            model: to which one; empty where it is about the whole server.
            peer: the address, with or without a port.

        Raises:
            Refusal: not without a token, not with this one, or not so often.
        """
        if right is Right.MANAGE and not self._is_managing:
            raise Refusal(
                Reason.FORBIDDEN, "managing the server", "a request to the port for it", "another"
            )
        if not self._locks:
            if right is Right.MANAGE:
                _check_is_here(headers, peer)
            return self._peers.get(peer) or self._by_address(peer)
        principal = self._recognize(headers)
        if right not in principal.rights:
            raise _forbidden(principal, f"the scope {right}", ", ".join(sorted(principal.rights)))
        if not principal.covers(model):
            raise _forbidden(principal, f"one of {', '.join(principal.models)}", model[:80])
        if right is Right.INFER and principal.limits is not None:
            self.allowances.of(principal.name, principal.limits).take_request()
        return principal

    def refresh(self) -> None:
        """Take over what has changed on disk; called about once a second."""
        for lock in self._locks:
            lock.refresh()

    def _by_address(self, peer: str) -> Principal:
        if len(self._peers) >= _MOST_PEERS:
            self._peers.clear()
        found = self._peers[peer] = Principal(host_of(peer))
        return found

    def _recognize(self, headers: Credentials) -> Principal:
        given = headers.get("authorization")
        if not given:
            raise _unknown("no header Authorization", "send `Authorization: Bearer TOKEN`.")
        if given[: len(_SCHEME)].lower() != _SCHEME:
            raise _unknown("another scheme", "send `Authorization: Bearer TOKEN`.")
        token = given[len(_SCHEME) :].strip()
        for lock in self._locks:
            principal = lock.open(token)
            if principal is not None:
                return principal
        raise _unknown("one that nobody knows", "was it revoked?")


def host_of(peer: str) -> str:
    """Return the address without its port, as `1.2.3.4:5`, `[::1]:5` and gRPC write it."""
    host, colon, port = peer.rpartition(":")
    if not colon or not port.isdigit():
        return peer
    return host.removeprefix("ipv4:").removeprefix("ipv6:").strip("[]") or peer


def is_loopback(host: str) -> bool:
    """Say whether an address is one that only this machine can have."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _check_is_here(headers: Credentials, peer: str) -> None:
    """Raise unless a program on this machine asks for itself.

    A proxy on this machine forwards for others, and so does a browser: any page can post to
    the loopback, and a name that points there makes the page believe that it is its own server.
    """
    got = ""
    if not is_loopback(host_of(peer)):
        got = "one from elsewhere"
    elif any(headers.get(name) for name in _FORWARDED):
        got = "one that a proxy forwarded"
    elif headers.get("origin"):
        got = "one from a page in a browser"
    elif not is_loopback(host_of(headers.get("host") or "localhost")):
        got = "one for another host"
    if got:
        raise Refusal(
            Reason.FORBIDDEN,
            "managing the server",
            "a request from this machine",
            got,
            "start the server with --api-keys, and send a key with the scope manage.",
        )


def _forbidden(principal: Principal, expected: str, got: str) -> Refusal:
    return Refusal(Reason.FORBIDDEN, f"key {principal.name}", expected, got)


def _unknown(got: str, hint: str) -> Refusal:
    return Refusal(Reason.UNAUTHENTICATED, "Authorization", "a token of this server", got, hint)

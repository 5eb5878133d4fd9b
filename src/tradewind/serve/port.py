"""Taking a port before anything slow happens."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import final

from tradewind.errors import SettingError


@final
@dataclass(frozen=True)
class ClaimedPort:
    """An address that no other server can take while the claim is held."""

    host: str  # as a number
    port: int

    @property
    def url(self) -> str:
        """Where clients find the server."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


@contextmanager
def claim_port(host: str, port: int, option: str = "--http-port") -> Iterator[ClaimedPort]:
    """Hold an address for a server that starts later in this process.

    The socket of the claim is bound but does not listen. It lets in only sockets of this user
    that share the port (SO_REUSEPORT), as those of the listeners do; a second claim does not share
    and fails, which without this would start two servers that answer in turns.

    Args:
        host: a name or number of this machine.
        port: 0 takes any that is free.
        option: where the port was given, for messages.

    Raises:
        SettingError: the port is taken or may not be used, or the host is not of this machine.
    """
    family, number = _resolve(host, port, option)
    with socket.socket(family, socket.SOCK_STREAM) as claim:
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            claim.bind((number, port))
        except PermissionError as error:
            raise SettingError(
                option, "a port that may be used", f"port {port}", "take one above 1023."
            ) from error
        except OSError as error:
            raise _refused(host, port, option, error) from error
        # only now: before, the first lets the claim in where old connections linger, and the
        # second would have let it in where a server runs already
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield ClaimedPort(number, int(claim.getsockname()[1]))


def _resolve(host: str, port: int, option: str) -> tuple[socket.AddressFamily, str]:
    if not 0 <= port <= 65535:
        raise SettingError(option, "a number from 0 to 65535", str(port))
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise SettingError("--host", "a name or address", host, str(error)) from error
    return family, str(address[0])


def _refused(host: str, port: int, option: str, error: OSError) -> SettingError:
    if "in use" in str(error):
        return SettingError(
            option,
            "a free port",
            f"port {port}, which is in use",
            "stop the other server, or take another port; 0 takes any that is free.",
        )
    return SettingError("--host", "an address of this machine", f"{host} ({error.strerror})")

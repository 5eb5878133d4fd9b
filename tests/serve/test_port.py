import socket

import pytest

from tradewind.errors import SettingError
from tradewind.serve import claim_port


def test_a_claimed_port_can_be_shared_by_the_server_it_is_for() -> None:
    with claim_port("127.0.0.1", 0) as claimed, socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind((claimed.host, claimed.port))
        server.listen()
        with socket.create_connection((claimed.host, claimed.port), timeout=5):
            server.accept()[0].close()


def test_a_port_cannot_be_claimed_twice() -> None:
    with (
        claim_port("127.0.0.1", 0) as claimed,
        pytest.raises(SettingError, match=f"a free port, got port {claimed.port}, which is in use"),
        claim_port("127.0.0.1", claimed.port),
    ):
        pass


def test_a_port_with_a_server_that_shares_it_cannot_be_claimed() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with pytest.raises(SettingError, match="in use"), claim_port("127.0.0.1", port):
            pass


def test_a_released_port_can_be_claimed_again() -> None:
    with claim_port("127.0.0.1", 0) as claimed:
        pass
    with claim_port("127.0.0.1", claimed.port) as again:
        assert again == claimed


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(SettingError, match="from 0 to 65535"), claim_port("127.0.0.1", port):
        pass


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(SettingError, match="--host"), claim_port("192.0.2.1", 0):
        pass

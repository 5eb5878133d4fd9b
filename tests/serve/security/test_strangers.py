from pathlib import Path

import pytest
from tests.serve.child import start

from tradewind.serve.security.keys import write_keys

KEYLESS = "asks for no key"
PLAIN = "does not encrypt"


def told(host: str, **security: str) -> str:
    """Return what a server says on stderr from its start to its end."""
    with start(host=host, security=security) as child:
        child.process.terminate()
        return child.process.communicate(timeout=60)[1]


@pytest.fixture
def keys(tmp_path: Path) -> str:
    path = tmp_path / "keys.json"
    write_keys(path, ())
    return str(path)


def test_a_server_for_everybody_says_what_everybody_may_do(keys: str) -> None:
    open_to_all = told("0.0.0.0")
    assert KEYLESS in open_to_all
    assert PLAIN in open_to_all
    with_keys = told("0.0.0.0", api_keys=keys)
    assert KEYLESS not in with_keys
    assert PLAIN in with_keys


def test_a_server_for_this_machine_warns_of_nobody() -> None:
    found = told("127.0.0.1")
    assert KEYLESS not in found
    assert PLAIN not in found

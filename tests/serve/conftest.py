import logging
from collections.abc import Iterator

import pytest
from tests.serve.child import Child, start


@pytest.fixture(scope="session")
def server() -> Iterator[Child]:
    """One server that all tests share which leave it as it was."""
    with start(max_body_bytes=2**20, grpc_port=0) as child:
        yield child


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What the server logs is heard, whatever an earlier test has done to the root logger."""
    with caplog.at_level(logging.INFO, "tradewind.serve"):
        yield

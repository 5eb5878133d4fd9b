from collections.abc import Iterator

import pytest
from tests.serve.child import Child, start


@pytest.fixture(scope="session")
def server() -> Iterator[Child]:
    """One server that all tests share which leave it as it was."""
    with start(max_body_bytes=2**20, grpc_port=0) as child:
        yield child

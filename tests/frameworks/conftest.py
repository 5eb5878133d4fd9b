from collections.abc import Callable

import pytest

from tradewind.importers import environment


@pytest.fixture
def needs() -> Callable[[str], None]:
    """Skip where an environment is not installed."""

    def check(name: str) -> None:
        if not environment(name).is_installed:
            pytest.skip(f"the {name} environment is missing: tradewind doctor --install {name}")

    return check

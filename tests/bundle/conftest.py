"""A small bundle; no number in it was measured."""

from pathlib import Path

import pytest
from tests.cases import DENSE
from tests.cases.manifests import GRAPH, MANIFEST

from tradewind.bundle import write_bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle that was just written."""
    target = tmp_path / "dense.tw"
    write_bundle(target, MANIFEST, {GRAPH: DENSE.model}, "<p>report</p>")
    return target

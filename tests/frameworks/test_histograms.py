"""Data frames, which need pandas: an environment of another framework holds it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.frameworks.running import beside

pytest.importorskip("skl2onnx", reason="the extra sklearn is not installed")

TESTS = Path(__file__).parents[1] / "importers" / "test_histograms.py"


def test_a_data_frame_says_what_is_a_category(needs: Callable[[str], None]) -> None:
    needs("lightgbm")
    chosen = ["-q", "-p", "no:cacheprovider", "-k", "data_frame", str(TESTS)]
    told = beside("lightgbm", f"import pytest; sys.exit(pytest.main({chosen!r}))")
    assert "1 passed" in told

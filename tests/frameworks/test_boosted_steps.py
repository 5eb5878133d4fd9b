"""XGBoost, LightGBM and CatBoost inside estimators of scikit-learn, in memory."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.frameworks.running import MAKING, beside
from tests.frameworks.table import record

from tradewind.model import Model, Origin, Parity

pytest.importorskip("skl2onnx", reason="the extra sklearn is not installed")


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost"])
def test_boosted_trees_inside_an_estimator_answer_as_it_does(
    library: str, needs: Callable[[str], None], tmp_path: Path
) -> None:
    needs(library)
    arguments = [str(MAKING / "boosted_steps.py"), library, str(tmp_path)]
    beside(
        library,
        f"import runpy; sys.argv = {arguments!r}; runpy.run_path(sys.argv[0], run_name='__main__')",
    )
    told = json.loads((tmp_path / "told.json").read_text())
    assert "categories" in told.pop("refusal")
    assert len(told) >= 9
    for name, found in told.items():
        # of real rows many lie on thresholds; in float32 up to a third went to other leaves
        assert found["differing"] == 0, name
        parity = Parity(*found["parity"])
        model = Model((tmp_path / found["file"]).read_bytes(), Origin("scikit-learn", name, parity))
        record("scikit-learn", f"in memory, with {library}", name, model)

"""XGBoost, LightGBM and CatBoost inside estimators of scikit-learn, in memory."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.frameworks.running import MAKING
from tests.frameworks.table import record

from tradewind.importers import environment
from tradewind.model import Model, Origin, Parity

pytest.importorskip("skl2onnx", reason="the extra sklearn is not installed")


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost"])
def test_boosted_trees_inside_an_estimator_answer_as_it_does(
    library: str, needs: Callable[[str], None], tmp_path: Path
) -> None:
    needs(library)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    behind = environment(library).folder / "lib" / version / "site-packages"
    script = str(MAKING / "boosted_steps.py")
    # behind ours on the path, so that what both hold comes from ours
    code = f"import runpy, sys; sys.path.append({str(behind)!r}); "
    code += f"runpy.run_path({script!r}, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code, library, str(tmp_path)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr[-3000:]
    told = json.loads((tmp_path / "told.json").read_text())
    assert "categories" in told.pop("refusal")
    assert len(told) >= 9
    for name, found in told.items():
        # of real rows many lie on thresholds; in float32 up to a third went to other leaves
        assert found["differing"] == 0, name
        parity = Parity(*found["parity"])
        model = Model((tmp_path / found["file"]).read_bytes(), Origin("scikit-learn", name, parity))
        record("scikit-learn", f"in memory, with {library}", name, model)

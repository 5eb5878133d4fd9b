"""Compare optimizers on the same models: `python benchmarks/optimizers/run.py --help`.

`run.py resplits` and `run.py steadiness` ask whether certificates hold, and whether a search finds
the same again.
"""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
name = "comparison"
if sys.argv[1:2] in (["resplits"], ["steadiness"]):
    name = sys.argv.pop(1)
runpy.run_module(f"benchmarks.optimizers.{name}", run_name="__main__", alter_sys=True)

"""Compare optimizers on the same models: `python benchmarks/optimizers/run.py --help`."""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
runpy.run_module("benchmarks.optimizers.comparison", run_name="__main__", alter_sys=True)

"""What serving costs over the bare engine: `python benchmarks/serving/overhead.py --help`."""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
runpy.run_module("benchmarks.serving.overhead_runs", run_name="__main__", alter_sys=True)

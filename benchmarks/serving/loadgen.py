"""Ask servers with MLPerf LoadGen: `python benchmarks/serving/loadgen.py --help`."""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
runpy.run_module("benchmarks.serving.loadgen_runs", run_name="__main__", alter_sys=True)

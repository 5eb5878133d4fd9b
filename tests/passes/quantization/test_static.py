"""How much memory calibration takes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_CHILD = """
import json, sys
import numpy as np
from pathlib import Path
import onnx
from onnx import helper, numpy_helper
from tradewind.model import Model, Origin
from tradewind.passes import Observed, QuantizeStatic

calibration, examples = sys.argv[1], int(sys.argv[2])
random = np.random.default_rng(0)
convs = []
weights = []
for index in range(4):
    channels = 3 if index == 0 else 32
    shape = (32, channels, 3, 3)
    weights.append(numpy_helper.from_array(
        (random.standard_normal(shape) / 10).astype(np.float32), f"w{index}"))
    convs.append(helper.make_node(
        "Conv", [f"x{index}", f"w{index}"], [f"x{index + 1}"], pads=[1, 1, 1, 1]))
graph = helper.make_graph(
    convs, "g", [helper.make_tensor_value_info("x0", 1, ["N", 3, 32, 32])],
    [helper.make_tensor_value_info("x4", 1, ["N", 32, 32, 32])], weights)
proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
images = random.standard_normal((examples, 3, 32, 32)).astype(np.float32)
QuantizeStatic(calibration=calibration).apply(
    Model.from_proto(proto, Origin("onnx", "g")), Observed({"x0": images}))
status = Path("/proc/self/status").read_text()
peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
print(json.dumps(int(peak) * 1024))
"""


def _peak_bytes(calibration: str, examples: int) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, calibration, str(examples)],
        capture_output=True,
        check=True,
        env=os.environ,
    )
    return int(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read of /proc")
@pytest.mark.parametrize("calibration", ["mse"])
def test_calibration_takes_no_more_memory_for_more_examples(calibration: str) -> None:
    few, many = 32, 288
    grown = _peak_bytes(calibration, many) - _peak_bytes(calibration, few)
    # one example has five tensors of 32 * 32 * 32 floats: 0.66 MB, 256 more of them 170 MB;
    # what may grow is the examples themselves, 3 MB, and the noise of an allocator
    assert grown < 50e6

"""A dataset larger than what the process may grow by."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tradewind import data

ROWS, COLUMNS = 40_000, 1_000  # 160 MB of float32
LIMIT_MB = 110  # of growth; what is kept in memory ends at 64 MiB

CHILD = """
import sys
from pathlib import Path
import numpy as np
from tradewind.data import check, open_dataset, split
from tradewind.tensors import Datatype, Signature, TensorSpec

def peak_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024

def batches():
    for _ in range({rows} // 1000):
        yield {{"x": np.ones((1000, {columns}), np.float32)}}

if __name__ == "__main__":
    spec = TensorSpec("x", Datatype.FP32, ("N", {columns}))
    signature = Signature((spec,), (spec,))
    before = peak_mb()
    dataset = open_dataset(sys.argv[1], signature)
    assert len(dataset) == {rows}
    check(dataset)
    dataset.digest
    print(peak_mb() - before)
"""


@pytest.mark.parametrize("kind", ["stored", "compressed", "function"])
def test_data_larger_than_the_memory_allowed_can_be_read(tmp_path: Path, kind: str) -> None:
    script = tmp_path / "large_data.py"
    script.write_text(CHILD.format(rows=ROWS, columns=COLUMNS))
    source = tmp_path / "data.npz"
    if kind == "function":
        source = Path("large_data:batches")
    else:
        save = np.savez if kind == "stored" else np.savez_compressed
        save(source, x=np.zeros((ROWS, COLUMNS), np.float32))
    package = str(Path(data.__file__).resolve().parents[2])
    child = subprocess.run(
        [sys.executable, str(script), str(source)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": package, "PATH": "", "TMPDIR": str(tmp_path)},
        check=False,
    )
    assert child.returncode == 0, child.stderr
    assert float(child.stdout) < LIMIT_MB
    assert {path.name for path in tmp_path.iterdir()} <= {
        "large_data.py",
        "data.npz",
        "__pycache__",
    }

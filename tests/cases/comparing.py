"""How the answers of two programs are compared."""

import numpy as np

from tradewind.tensors import Tensors


def assert_close(got: Tensors, wanted: Tensors, tolerance: float) -> None:
    """Fail unless names and shapes are equal, and floats within a share of the largest."""
    assert list(got) == list(wanted)
    for name, right in wanted.items():
        answer = got[name]
        assert answer.shape == right.shape, name
        if right.dtype.kind != "f":
            assert answer.tolist() == right.tolist(), name
            continue
        scale = max(float(np.abs(right).max(initial=0)), 1e-6)
        error = float(np.abs(answer.astype(np.float64) - right).max(initial=0))
        assert error <= tolerance * scale, f"{name}: off by {error:g}, at most {scale:g} large"

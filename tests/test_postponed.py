import subprocess
import sys
from pathlib import Path

import pytest

from tradewind.postponed import Postponed, until_used

SCRIPT = """
import sys
import tradewind.model, onnx_ir
assert "sympy" not in sys.modules, "imported too early"
doubled = onnx_ir.SymbolicDim("N") * 2
assert str(doubled) == "2*N", doubled
assert sys.modules["sympy"].Symbol("N") + 1 != 1
"""


def test_a_graph_needs_no_symbolic_arithmetic_until_it_computes_with_sizes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(Path(__file__).resolve().parents[1] / "src")},
    )
    assert done.returncode == 0, done.stderr


def test_a_postponed_module_is_the_module() -> None:
    stand_in = Postponed("fractions")
    assert stand_in.Fraction(1, 2) * 2 == 1
    with pytest.raises(AttributeError):
        stand_in.no_such_name  # noqa: B018


def test_others_get_the_module_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_to_import.py").write_text("value = 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    with until_used("slow_to_import"):
        import slow_to_import as first  # type: ignore[import-not-found]
    assert isinstance(first, Postponed)
    assert "slow_to_import" not in sys.modules
    import slow_to_import as second

    assert not isinstance(second, Postponed)
    assert first.value == second.value == 7
    del sys.modules["slow_to_import"]

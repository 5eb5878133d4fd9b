import math

import pytest

from tradewind.budget import Budget
from tradewind.errors import SettingError


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"max_drop": 0.0}, "--max-drop"),
        ({"max_drop": 1.0}, "--max-drop"),
        ({"max_drop": -0.01}, "--max-drop"),
        ({"max_drop": math.nan}, "--max-drop"),
        ({"confidence": 0.49}, "--confidence"),
        ({"confidence": 1.0}, "--confidence"),
        ({"confidence": math.nan}, "--confidence"),
        ({"max_latency_ms": 0.0}, "--max-latency-ms"),
        ({"max_latency_ms": math.nan}, "--max-latency-ms"),
        ({"max_memory_mb": -1.0}, "--max-memory-mb"),
    ],
)
def test_a_value_outside_its_range_names_its_option(
    settings: dict[str, float], option: str
) -> None:
    with pytest.raises(SettingError, match=f"^{option}: expected") as caught:
        Budget(**settings)  # type: ignore[arg-type]
    assert caught.value.exit_code == 2


def test_values_at_the_ends_of_their_ranges_are_taken() -> None:
    budget = Budget(max_drop=1e-9, confidence=0.5, max_latency_ms=1e-9, max_memory_mb=1e9)
    assert budget.max_drop == 1e-9


def test_no_limits_are_set_unless_asked_for() -> None:
    assert Budget().max_latency_ms is None
    assert Budget().max_memory_mb is None


def test_an_unknown_objective_is_refused_before_anything_is_searched() -> None:
    with pytest.raises(SettingError, match=r"^--objective: expected one of latency, .*'speed'"):
        Budget(objective="speed")  # type: ignore[arg-type]

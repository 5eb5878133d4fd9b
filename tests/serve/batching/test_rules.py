import pytest

from tradewind.errors import SettingError
from tradewind.serve.batching import Batching, BatchingRules


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("off", BatchingRules(enabled=False)),
        ("max_batch=16", BatchingRules(max_batch=16)),
        ("latency_target_ms=2.5", BatchingRules(latency_target_ms=2.5)),
        ("latency_target_ms=20,max_batch=8", BatchingRules(8, 20.0)),
    ],
)
def test_rules_are_read(text: str, rules: BatchingRules) -> None:
    assert BatchingRules.parse(text) == rules


@pytest.mark.parametrize(
    "text", ["", "on", "max_batch", "max_batch=x", "max_batch=2.5", "max_batch=0", "target=3"]
)
def test_rules_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(SettingError):
        BatchingRules.parse(text)


@pytest.mark.parametrize("target_ms", [0.0, -1.0, float("nan")])
def test_a_target_is_a_time(target_ms: float) -> None:
    with pytest.raises(SettingError, match="latency_target_ms"):
        BatchingRules(latency_target_ms=target_ms)


def test_a_model_may_have_rules_of_its_own() -> None:
    found = Batching.parse(["max_batch=8", "a:b:off", "c:latency_target_ms=5"])
    assert found.of("x") == BatchingRules(8)
    assert not found.of("a:b").enabled
    assert found.of("c") == BatchingRules(latency_target_ms=5)

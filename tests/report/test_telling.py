"""Which refusals are told first."""

from tradewind.bundle import Manifest, Refusal
from tradewind.report.telling import is_untried, telling


def test_the_greatest_loss_comes_first(good: Manifest) -> None:
    assert telling(good.refused)[0].why == "loses 75.3% of right answers on 200 examples"


def test_each_kind_of_reason_is_told_once(good: Manifest) -> None:
    assert [one.variant for one in telling(good.refused)] == [
        "int8-onnxruntime",
        "dynamic-int8-onnxruntime",
        "folded-openvino",
    ]


def test_what_was_not_tried_comes_last() -> None:
    refusals = [Refusal("a", "not tried: time ran out"), Refusal("b", "it does not run: no LSTM")]
    assert [one.variant for one in telling(refusals)] == ["b", "a"]


def test_versions_are_no_numbers_to_compare() -> None:
    assert telling([Refusal("a", "needs 1.2.3% of 4..5 times, 6,,7 ms")])


def test_a_variant_that_time_ran_out_for_is_untried() -> None:
    assert is_untried(Refusal("a", "time ran out after 32 of 200 examples"))
    assert not is_untried(Refusal("a", "loses 1.9% of right answers"))

"""Roundings and units."""

import pytest

from tradewind.measure import Ratio
from tradewind.report import numbers

INFINITE = float("inf")


@pytest.mark.parametrize(
    ("value", "text"),
    [(5.6149, "5.61"), (21.349, "21.3"), (1234.5, "1,234"), (0.00999999, "0.0100"), (0, "0")],
)
def test_three_digits_are_significant(value: float, text: str) -> None:
    assert numbers.significant(value) == text


@pytest.mark.parametrize("value", [None, INFINITE, -INFINITE, float("nan")])
def test_what_is_no_number_was_not_measured(value: float | None) -> None:
    shown = (numbers.milliseconds, numbers.rate, numbers.share, numbers.at_most, numbers.size)
    assert {function(value) for function in shown} == {numbers.UNKNOWN}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0064, "0.64%"), (0.0, "0%"), (0.00001, "<0.01%"), (-0.00001, ">-0.01%"), (7.0, "700.00%")],
)
def test_a_share_is_a_percentage(value: float, text: str) -> None:
    assert numbers.share(value) == text


@pytest.mark.parametrize(
    ("bound", "text"), [(0.00641, "0.65%"), (0.0064, "0.64%"), (0.000001, "0.01%"), (0.0, "0%")]
)
def test_an_upper_bound_is_rounded_up(bound: float, text: str) -> None:
    assert numbers.at_most(bound) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (44_651_337, "44.7 MB"), (16_000_000_000, "16.0 GB")],
)
def test_a_size_is_in_powers_of_a_thousand(size: int, text: str) -> None:
    assert numbers.size(size) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (Ratio(3.8, 3.711, 3.92), "3.71 to 3.92"),
        (Ratio(3.8, 3.711, INFINITE), "above 3.71"),
        (Ratio(3.8, 0.0, INFINITE), "unknown"),
        (None, ""),
    ],
)
def test_an_interval_is_said_in_words(ratio: Ratio | None, text: str) -> None:
    assert numbers.interval(ratio) == text


def test_a_moment_is_readable() -> None:
    assert numbers.moment("2025-01-02T03:04:05+00:00") == "2 January 2025, 03:04 UTC"


def test_a_moment_that_is_none_stays_as_it_is() -> None:
    assert numbers.moment("<yesterday>") == "<yesterday>"


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.2, "4 s"), (59.9, "1 min 0 s"), (252, "4 min 12 s")]
)
def test_a_duration_is_in_minutes(seconds: float, text: str) -> None:
    assert numbers.duration(seconds) == text

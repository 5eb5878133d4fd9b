"""The picture of how long one request takes."""

from tradewind.report.latency_chart import Bar, latency_bars


def test_a_bar_says_its_numbers() -> None:
    svg = latency_bars([Bar("original", "original", 21.3, 24.02)], "a", 720, None)
    assert "21.3 (p99 24.0) ms" in svg


def test_a_p99_far_out_does_not_hide_the_bars() -> None:
    svg = latency_bars([Bar("original", "original", 1.0, 1000.0)], "a", 720, None)
    assert "polyline" in svg
    assert "1.00 (p99 1,000) ms" in svg


def test_instant_answers_have_a_picture() -> None:
    assert "0 (p99 0) ms" in latency_bars([Bar("original", "original", 0.0, 0.0)], "a", 360, 1.0)


def test_a_limit_is_drawn_where_it_is_in_the_picture() -> None:
    bars = [Bar("original", "original", 5.0, 6.0)]
    assert "budget" in latency_bars(bars, "a", 720, 5.5)
    assert "budget" not in latency_bars(bars, "a", 720, 50.0)

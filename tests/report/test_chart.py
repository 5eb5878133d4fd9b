"""The picture of cost against loss."""

import numpy as np

from tradewind.report.chart import Scene, labels, tradeoff
from tradewind.report.plane import Plane, Point

BUDGET = 0.01


def crowded(random: np.random.Generator, count: int) -> list[Point]:
    """Return variants with costs and losses at random, a third of them without a cost."""
    points = [Point("first", "original", 10.0, 0.0, None, "")]
    for number in range(count):
        cost = None if number % 3 == 0 else float(random.uniform(0, 20))
        drop = float(random.normal(0.005, 0.01))
        name = "x" * int(random.integers(1, 40))
        upper = drop + 0.004 if number % 2 else None
        points.append(Point(name, "certified" if number % 2 else "other", cost, drop, upper, ""))
    return points


def test_no_two_labels_of_a_crowd_overlap(random: np.random.Generator) -> None:
    boxes = [box for _, _, box in labels(Plane(crowded(random, 40), BUDGET, 720, 400))]
    assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])


def test_no_label_covers_a_mark(random: np.random.Generator) -> None:
    plane = Plane(crowded(random, 40), BUDGET, 720, 400)
    boxes = [box for _, _, box in labels(plane)]
    inside = [
        spot
        for spot in plane.spots
        for box in boxes
        if box.x < spot.x < box.right and box.y < spot.y < box.bottom
    ]
    assert inside == []


def test_every_mark_is_in_its_area(random: np.random.Generator) -> None:
    plane = Plane(crowded(random, 200), BUDGET, 360, 360)
    assert plane.strip is not None
    for spot in plane.spots:
        area = plane.strip if spot.point.cost is None else plane.area
        assert area.x <= spot.x <= area.right
        assert area.y <= spot.y <= area.bottom


def test_there_is_no_strip_when_every_cost_is_known() -> None:
    assert Plane([Point("one", "original", 1.0, 0.0, None, "")], BUDGET, 720, 400).strip is None


def test_a_lower_loss_is_lower_in_the_picture() -> None:
    points = [
        Point("good", "chosen", 1.0, 0.001, None, ""),
        Point("bad", "other", 1.0, 0.009, None, ""),
    ]
    good, bad = Plane(points, BUDGET, 720, 400).spots
    assert good.y > bad.y


def test_a_loss_beyond_the_picture_is_written_out() -> None:
    points = [
        Point("original", "original", 1.0, 0.0, None, ""),
        Point("broken", "other", 2.0, 0.75, None, ""),
    ]
    assert "broken (75.00%)" in [text for _, text, _ in labels(Plane(points, BUDGET, 720, 400))]


def test_names_are_escaped() -> None:
    points = [Point("<script>", "original", 1.0, 0.0, None, "<title>&")]
    svg = tradeoff(Scene(points, BUDGET, "<cost>", "<loss>", "<desc>"), "a", (720, 400))
    assert "<script>" not in svg
    assert "&lt;title&gt;&amp;" in svg

"""Labels that do not cover each other."""

import numpy as np

from tradewind.report.placement import Anchor, Box, place

FRAME = Box(0, 0, 600, 300)


def scattered(random: np.random.Generator, count: int) -> list[Anchor]:
    """Return labels of points anywhere in the frame."""
    return [
        Anchor(x, y, width, 15)
        for x, y, width in random.uniform((0, 0, 20), (600, 300, 160), (count, 3)).tolist()
    ]


def test_no_two_labels_overlap(random: np.random.Generator) -> None:
    found = [box for box in place(scattered(random, 60), [], FRAME) if box is not None]
    overlaps = [(a, b) for n, a in enumerate(found) for b in found[:n] if a.overlaps(b)]
    assert overlaps == []


def test_no_label_covers_what_is_taken(random: np.random.Generator) -> None:
    taken = [Box(100, 0, 50, 300), Box(0, 140, 600, 20)]
    found = [box for box in place(scattered(random, 60), taken, FRAME) if box is not None]
    assert not any(box.overlaps(other) for box in found for other in taken)


def test_every_label_is_inside_the_frame(random: np.random.Generator) -> None:
    found = place(scattered(random, 60), [], FRAME)
    assert all(box.is_inside(FRAME) for box in found if box is not None)


def test_a_lone_label_is_right_of_its_point() -> None:
    [box] = place([Anchor(100, 100, 50, 15)], [], FRAME)
    assert box == Box(109, 92.5, 50, 15)


def test_a_label_that_fits_nowhere_is_left_out() -> None:
    assert place([Anchor(100, 100, 700, 15)], [], FRAME) == [None]


def test_the_first_label_has_the_first_choice() -> None:
    first, second = place([Anchor(100, 100, 50, 15)] * 2, [], FRAME)
    assert first is not None
    assert first.x > 100
    assert second is not None
    assert second.x < 100


def test_boxes_that_share_an_edge_do_not_overlap() -> None:
    assert not Box(0, 0, 10, 10).overlaps(Box(10, 0, 10, 10))


def test_the_nearest_point_of_a_box_is_on_it() -> None:
    assert Box(10, 10, 20, 5).nearest(0, 12) == (10, 12)

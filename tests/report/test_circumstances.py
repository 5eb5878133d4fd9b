"""What is said about the machine while it was timed."""

from dataclasses import replace

from tests.report.test_terminal import flat, printed

from tradewind.bundle import Manifest, read_manifest
from tradewind.measure import Conditions
from tradewind.report import page

QUIET = Conditions((0, 1), 2, False, "performance", False, (2400.0, 2600.0), 0.1, 0.05, 0.0, 0)
BUSY = replace(QUIET, cores=(1,), is_virtual=True, turbo=None, others=0.8, stolen=0.031)


def test_a_busy_machine_is_warned_about(good: Manifest) -> None:
    text = flat(printed(replace(good, conditions=BUSY), 80))
    assert "other programs took 0.80 of 1 cores and 3.10% of the time" in text
    for quiet in (replace(good, conditions=QUIET), good):
        assert "other programs" not in flat(printed(quiet, 80))


def test_the_page_tells_the_conditions(good: Manifest) -> None:
    text = page(replace(good, conditions=BUSY))
    for part in (
        "While timing",
        "cores 1 of 2",
        "virtual machine",
        "governor performance",
        "turbo",
    ):
        assert part in text
    assert "2,400 to 2,600 MHz" in text
    assert "While timing" not in page(good)


def test_conditions_are_read_again_as_they_were_written(good: Manifest) -> None:
    found = replace(good, conditions=BUSY)
    assert read_manifest(found.to_json(), "here") == found

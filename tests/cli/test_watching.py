import io

import pytest
from rich.console import Console

from tradewind.cli.watching import Watching


def _console(*, is_terminal: bool) -> Console:
    return Console(
        file=io.StringIO(), record=True, force_terminal=is_terminal, width=100, highlight=False
    )


def test_away_from_a_terminal_every_stage_gets_a_line() -> None:
    console = _console(is_terminal=False)
    with Watching(console, 60.0) as watching:
        watching.begin("looking at the data")
        watching.begin("trying variants", 3)
        watching.step("int8")
        watching.best("int8, about 2.0 times")
        watching.note("few examples [N, 3]")
    assert console.export_text().splitlines() == [
        "looking at the data …",
        "trying variants …",
        "note: few examples [N, 3]",
    ]


def test_a_terminal_shows_what_is_tried_and_the_best_so_far() -> None:
    console = _console(is_terminal=True)
    with Watching(console, 60.0) as watching:
        watching.begin("trying variants")
        watching.step("int8 [symmetric]")
        watching.best("original-openvino, about 1.3 times")
        console.print(watching._render())
    shown = console.export_text()
    assert "trying variants: int8 [symmetric]" in shown
    assert "best so far: original-openvino, about 1.3 times" in shown
    assert "at most 0:59 left" in shown or "at most 1:00 left" in shown


def test_the_time_left_never_falls_below_zero() -> None:
    console = _console(is_terminal=True)
    watching = Watching(console, -5.0)
    console.print(watching._render())
    assert "at most 0:00 left" in console.export_text()


def _fail(console: Console) -> None:
    with Watching(console, 60.0) as watching:
        watching.begin("trying variants")
        raise ValueError("stopped")


def test_a_failure_ends_the_display() -> None:
    console = _console(is_terminal=True)
    with pytest.raises(ValueError, match="stopped"):
        _fail(console)
    console.print("the last line")
    assert console.export_text().splitlines()[-1] == "the last line"

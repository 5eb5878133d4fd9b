"""What the terminal says, at the widths that people have."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from tradewind.budget import Budget, Objective
from tradewind.bundle import Manifest
from tradewind.report import summary


def printed(manifest: Manifest, width: int, *, is_terminal: bool = False) -> str:
    """Return what a console of that width shows."""
    file = io.StringIO()
    console = Console(
        file=file,
        width=width,
        force_terminal=is_terminal,
        color_system="truecolor" if is_terminal else "auto",
        highlight=False,
    )
    console.print(summary(manifest, "out dir/model.tw"))
    return file.getvalue()


def flat(text: str) -> str:
    """Return a text without its line breaks."""
    return " ".join(text.split())


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_console(any_manifest: Manifest, width: int) -> None:
    lines = printed(any_manifest, width).splitlines()
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_cut_off(any_manifest: Manifest, width: int) -> None:
    assert "…" not in printed(any_manifest, width)


@pytest.mark.parametrize("width", [80, 120])
def test_every_number_of_the_chosen_variant_is_there(good: Manifest, width: int) -> None:
    text = printed(good, width)
    values = "5.61 ms|(6.37 ms)|3.80 times|3.71 to 3.92|1,234/s|0.14%|(0.65%)|11.3 MB|(148 MB)|yes"
    assert [value for value in values.split("|") if value not in text] == []


def test_the_evidence_is_said_in_one_sentence(good: Manifest) -> None:
    assert (
        "On 7,700 examples nobody had looked at, it got 41 wrong that the original had right and "
        "30 right that the original had wrong: with 95% confidence the accuracy drop is at most "
        "0.65%." in flat(printed(good, 80))
    )


def test_the_closest_miss_is_told_when_nothing_was_certified(kept: Manifest) -> None:
    text = flat(printed(kept, 80))
    assert "Nothing cheaper could be certified; the original is served as it is." in text
    assert "about 9,800 examples would be needed" in text


def test_an_early_end_is_admitted(kept: Manifest) -> None:
    assert "Not everything was tried in 4 min 12 s" in flat(printed(kept, 80))


def test_the_next_commands_can_be_pasted(good: Manifest) -> None:
    lines = printed(good, 80).splitlines()
    assert lines[-2].endswith("out dir/model.tw/report.html")
    assert lines[-1].endswith("tradewind serve 'out dir/model.tw'")


def test_there_are_no_colours_without_a_terminal(any_manifest: Manifest) -> None:
    assert "\x1b" not in printed(any_manifest, 80)


def test_the_chosen_row_stands_out_on_a_terminal(good: Manifest) -> None:
    assert "\x1b[1;32m> int8-nncf" in printed(good, 80, is_terminal=True)


@pytest.mark.parametrize(
    ("objective", "shown"),
    [
        ("latency", "3.80 times"),
        ("throughput", "20.1 times"),
        ("energy", "1.62 ms"),
        ("memory", "(148 MB)"),
    ],
)
def test_the_table_shows_what_the_objective_is_about(
    good: Manifest, objective: Objective, shown: str
) -> None:
    manifest = replace(good, budget=Budget(objective=objective))
    assert shown in printed(manifest, 80)


def test_markup_in_names_is_shown_as_it_is(good: Manifest) -> None:
    manifest = replace(good, chosen=replace(good.chosen, variant="[red]int8[/red]"))
    assert "[red]int8[/red]" in printed(manifest, 120)


def test_what_was_not_tried_is_not_counted_as_refused(good: Manifest) -> None:
    text = flat(printed(good, 80))
    assert "Refused 6 variants, among them:" in text
    assert "Not tried 1 variant; the report says why." in text


@pytest.mark.parametrize("width", [80, 120])
def test_a_cascade_says_who_answers_what(team: Manifest, width: int) -> None:
    text = printed(team, width)
    assert (
        "Asks pruned, int8 on OpenVINO first, and original on ONNX Runtime where it is unsure, "
        "which was the case for 12.21% of the examples. Half of the requests take at most "
        "2.20 ms, one in a hundred 27.5 ms or more, having waited for both." in flat(text)
    )
    assert "passed" in text
    assert "(27.5 ms)" in text
    assert text.count("12.21%") == 2


def test_without_a_cascade_nothing_is_passed_on(good: Manifest) -> None:
    assert "passed" not in printed(good, 120)
    assert "Cascade" not in printed(good, 120)

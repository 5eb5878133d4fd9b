import pytest
from tests.search.stage import Clock

from tradewind.errors import SettingError
from tradewind.search import Deadline, SearchSettings, parse_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("5m", 300), ("1.5h", 5400), (" 20 s ", 20), ("0.5m", 30)],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "abc", "5 minutes", "-5m", "1h30m", "nan", "inf", "5d", ".", "0s", "0.0h"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="--time: expected a duration such as 90s"):
        parse_time(text)


@pytest.mark.parametrize("time_s", [0.0, 4.9, float("nan")])
def test_a_search_takes_at_least_five_seconds(time_s: float) -> None:
    with pytest.raises(SettingError, match="--time: expected 5 seconds or more"):
        SearchSettings(time_s)


def test_an_unknown_effort_is_refused() -> None:
    with pytest.raises(SettingError, match=r"^--effort: expected one of quick, .*'hard'"):
        SearchSettings(effort="hard")  # type: ignore[arg-type]


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(SettingError, match="--seed: expected 0 or more, got -1"):
        SearchSettings(seed=-1)


def test_a_deadline_counts_from_its_start() -> None:
    clock = Clock(now=130.0)
    deadline = Deadline(start=100.0, time_s=60.0, clock=clock)
    assert deadline.at(0.5) == 130.0
    assert deadline.left_s() == 30.0
    assert deadline.left_s(0.5) == 0.0
    assert deadline.elapsed_s == 30.0


def test_a_deadline_that_has_passed_is_negative() -> None:
    clock = Clock(now=70.0)
    deadline = Deadline(start=0.0, time_s=60.0, clock=clock)
    assert deadline.left_s() == -10.0
    clock.now = 80.0
    assert deadline.left_s() == -20.0

from email.utils import formatdate
from time import time

import pytest

from tradewind.client import Retries
from tradewind.client.retrying import read_retry_after
from tradewind.errors import SettingError


def test_a_wait_is_as_long_as_the_server_asked_and_a_little_longer() -> None:
    retries = Retries(spread=0.5)
    assert retries.wait_s(1, 2.0, None, lambda: 0.0) == 2.0
    assert retries.wait_s(1, 2.0, None, lambda: 1.0) == 3.0


@pytest.mark.parametrize(
    ("tried", "asked_s", "left_s"),
    [
        (4, 1.0, None),  # often enough
        (1, None, None),  # the server named no time
        (1, 31.0, None),  # too long
        (1, 2.0, 1.5),  # the answer would come too late
    ],
)
def test_some_requests_are_not_sent_again(
    tried: int, asked_s: float | None, left_s: float | None
) -> None:
    assert Retries(most=3).wait_s(tried, asked_s, left_s) is None


def test_a_negative_patience_is_refused() -> None:
    with pytest.raises(SettingError, match="most: expected 0 or more, got -1"):
        Retries(most=-1)


@pytest.mark.parametrize(
    ("text", "expected_s"), [("3", 3.0), ("0.5", 0.5), ("-1", 0.0), (None, None), ("soon", None)]
)
def test_retry_after_is_read(text: str | None, expected_s: float | None) -> None:
    assert read_retry_after(text) == expected_s


def test_retry_after_may_be_a_date() -> None:
    found = read_retry_after(formatdate(time() + 100, usegmt=True))
    assert found is not None
    assert 0 < found <= 101
    assert read_retry_after(formatdate(0, usegmt=True)) == 0.0

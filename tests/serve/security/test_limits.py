import numpy as np
import pytest

from tradewind.errors import SettingError
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.security.limits import Allowance, Allowances, Limits


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


def admitted(allowance: Allowance, count: int) -> int:
    """Return how many of `count` requests are let through."""
    passed = 0
    for _ in range(count):
        try:
            allowance.take_request()
        except Refusal:
            continue
        passed += 1
    return passed


def test_requests_beyond_the_rate_wait_for_the_next_second() -> None:
    clock = Clock()
    allowance = Allowance("a", Limits(requests_per_s=5), clock)
    assert admitted(allowance, 20) == 5
    clock.now_s += 0.4
    assert admitted(allowance, 20) == 2
    clock.now_s += 60
    assert admitted(allowance, 20) == 5


def test_a_rate_holds_over_any_time(random: np.random.Generator) -> None:
    clock = Clock()
    rate = float(random.uniform(0.2, 50))
    allowance = Allowance("a", Limits(requests_per_s=rate), clock)
    passed, began_s = 0, clock.now_s
    for _ in range(500):
        clock.now_s += float(random.exponential(0.1))
        passed += admitted(allowance, int(random.integers(0, 10)))
    # never more than what had flowed in, and the bucket that was full at the start
    assert passed <= (clock.now_s - began_s) * rate + max(1, rate) + 1e-6


def test_a_refusal_says_when_to_come_back() -> None:
    clock = Clock()
    allowance = Allowance("a", Limits(requests_per_s=0.1), clock)
    allowance.take_request()
    clock.now_s += 2
    with pytest.raises(Refusal, match=r"at most 0.1 requests a second") as caught:
        allowance.take_request()
    assert caught.value.reason is Reason.RATE_LIMITED
    assert caught.value.retry_after_s == 8
    clock.now_s += 8
    allowance.take_request()


def test_a_request_larger_than_the_bucket_is_paid_back() -> None:
    clock = Clock()
    allowance = Allowance("a", Limits(examples_per_s=10), clock)
    allowance.take_examples(50)
    clock.now_s += 3.9
    with pytest.raises(Refusal):
        allowance.take_examples(1)
    clock.now_s += 0.3
    allowance.take_examples(1)


def test_a_quota_begins_anew_at_midnight() -> None:
    clock = Clock()
    clock.now_s = 86_400 * 20_000 + 86_300
    allowance = Allowance("a", Limits(requests_per_day=3), clock)
    assert admitted(allowance, 5) == 3
    with pytest.raises(Refusal) as caught:
        allowance.take_request()
    assert caught.value.retry_after_s == 100
    clock.now_s += 100
    assert admitted(allowance, 5) == 3


def test_what_one_limit_refuses_is_not_counted_by_another() -> None:
    clock = Clock()
    allowance = Allowance("a", Limits(examples_per_s=100, examples_per_day=5), clock)
    for _ in range(50):  # each would empty the bucket if it were not given back
        with pytest.raises(Refusal, match="a day"):
            allowance.take_examples(90)
    allowance.take_examples(5)


def test_examples_that_were_not_answered_are_given_back() -> None:
    allowance = Allowance("a", Limits(examples_per_day=5), Clock())
    allowance.take_examples(5)
    allowance.give_back_examples(5)
    allowance.take_examples(5)


def test_the_same_limits_go_on_and_new_ones_begin_anew() -> None:
    allowances = Allowances(Clock())
    first = allowances.of("a", Limits(requests_per_day=1))
    assert allowances.of("a", Limits(requests_per_day=1)) is first
    assert allowances.of("a", Limits(requests_per_day=2)) is not first
    assert allowances.known("b") is None


@pytest.mark.parametrize("value", [-1, float("inf"), float("nan")])
def test_an_impossible_limit_is_refused(value: float) -> None:
    with pytest.raises(SettingError):
        Limits(requests_per_s=value)

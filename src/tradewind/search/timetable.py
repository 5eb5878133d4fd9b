"""When each stage of a search has to end."""

from collections.abc import Sequence
from dataclasses import dataclass

from tradewind.search.costs import cost_of
from tradewind.search.finals import Pace
from tradewind.search.job import Job
from tradewind.search.settings import Effort
from tradewind.search.trials import Trial


@dataclass(frozen=True)
class Shares:
    """Of the time given, when each stage of a search must have ended."""

    screened: float  # variants are made and looked at
    cascaded: float  # cascades of them are looked at
    settled: float  # the load is found that suits each of those worth a test
    certified: float
    timed: float


SHARES: dict[Effort, Shares] = {
    "quick": Shares(0.48, 0.55, 0.60, 0.80, 0.95),
    "normal": Shares(0.48, 0.55, 0.60, 0.80, 0.95),
    "thorough": Shares(0.65, 0.72, 0.74, 0.84, 0.95),  # training takes what it is given
}
"""The earliest ends: a model that is quick to certify and to time leaves more for variants."""

_TESTED = 2.5
"""Computations of the certify split by the original that all tests take together, at most."""
_TESTS = 3.0
"""Computations of it by the best variant that all tests take, beside one by the original."""
_ENTRANTS, _ROUNDS = 5, 20
"""Of a race that tells finalists apart, as they usually are."""
_CLEARLY = 0.67
_CLEAR_ENTRANTS, _CLEAR_ROUNDS = 2, 12
"""The same where time is short and the best costs less than so much of the original: there are
tests of few, and a clear gain needs fewer rounds."""
_COMPILING_S = 1.0
"""What it takes to make ready what is tested, and what is timed, where nothing else is known."""
_AMPLE = 1.3
"""Times the estimate that tests are given, as long as the race keeps `_RACED`."""
_RACED, _RACED_S = 0.04, 12.0
"""Share of the time, and seconds, that the race keeps from the first tests, and from all."""
_LEAST_OF_ORIGINAL, _MOST_OF_ORIGINAL = 1 / 3, 0.6
"""Of the time for tests, what the original's own answers may take."""


def timetable(job: Job, baseline: Trial, best: Trial | None = None) -> Shares:
    """Return when each stage ends, by what certifying and timing will take.

    Args:
        job: the search.
        baseline: the original, with its quick timings.
        best: the best variant until now; None where there is none yet.
    """
    least = SHARES[job.settings.effort]
    pace = Pace.of(job.settings)
    calls_s = baseline.latency_s + baseline.example_s * baseline.load.batch_size
    turns, tested = _ENTRANTS * _ROUNDS, _TESTED
    if best is not None and job.settings.patience < 1:  # few variants, and no cascades of them
        tested = min(1.0 + _TESTS * best.example_s / baseline.example_s, _TESTED)
        cost = cost_of(job)
        if cost(best) < _CLEARLY * cost(baseline):
            turns = _CLEAR_ENTRANTS * _CLEAR_ROUNDS
    timing_s = turns * (pace.turn_s + pace.load_turn_s + calls_s) + _COMPILING_S
    testing_s = tested * len(job.splits.certify) * baseline.example_s + _COMPILING_S
    testing_s += 0.0 if best is None else best.ready_s
    certified = max(least.timed - timing_s / job.settings.time_s, least.certified)
    settled = max(certified - testing_s / job.settings.time_s, least.settled)
    # where answers per second count, the load of each is settled when it is looked at
    settling = 0.0 if job.budget.decides_under_load else least.settled - least.cascaded
    cascaded = settled - settling
    screened = cascaded - (least.cascaded - least.screened)
    return Shares(screened, cascaded, settled, certified, least.timed)


def certified_until(job: Job, shares: Shares, baseline: Trial, queue: Sequence[Trial]) -> float:
    """Return the clock's reading at which tests must end.

    A promise is worth more than a narrower interval of its gain: where trying variants took
    longer than it should have, or there is much to test, tests come before the race; all of them
    as long as it keeps some seconds, the first two in any case.

    Args:
        job: the search.
        shares: when each stage should end.
        baseline: the original.
        queue: what will be tested.
    """
    clock, deadline, count = job.deadline.clock(), job.deadline, len(job.splits.certify)
    needed_s = [count * one.example_s + one.ready_s for one in queue]
    own_s = count * baseline.example_s + _COMPILING_S
    last = deadline.at(shares.timed)
    raced_s = _RACED * job.settings.time_s
    first = min(clock + _AMPLE * (own_s + sum(needed_s[:2])), last - raced_s)
    every = min(clock + _AMPLE * (own_s + sum(needed_s)), last - max(raced_s, _RACED_S))
    return max(deadline.at(shares.certified), first, every, clock + 1.0)


def original_until(now: float, until: float, baseline: Trial, count: int) -> float:
    """Return the clock's reading at which the original must have answered.

    Args:
        now: the clock's reading.
        until: that at which all tests must end.
        baseline: the original.
        count: examples that it is asked.
    """
    left_s, wanted_s = until - now, _AMPLE * count * baseline.example_s
    least_s, most_s = _LEAST_OF_ORIGINAL * left_s, _MOST_OF_ORIGINAL * left_s
    return now + min(max(wanted_s, least_s), most_s)

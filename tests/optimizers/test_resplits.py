import numpy as np
import pytest
from benchmarks.optimizers.prepared import MAX_DROP
from benchmarks.optimizers.resplits import Tally, World, certified_in_turn, tally

DRAWS = 200
ALLOWED = 0.05 + 4 * np.sqrt(0.05 * 0.95 / DRAWS)


def world(random: np.random.Generator, *, has_truth: bool, is_exact: bool = True) -> World:
    count = 3000
    before = (random.random(count) < 0.1 * has_truth).astype(float)
    after = {}
    loss = 1.0 if is_exact else 0.5
    for name, worse in {"same": 0.0, "just beyond": MAX_DROP + 0.002, "far": 0.1}.items():
        after[name] = before.copy()
        after[name][np.flatnonzero(before == 0)[: round(worse / loss * count)]] = loss
    return World(
        "accuracy" if has_truth else "agreement", is_exact, has_truth, before, after, 600, 2000
    )


@pytest.mark.parametrize(("has_truth", "is_exact"), [(True, True), (False, True), (False, False)])
def test_what_loses_too_much_is_rarely_certified(
    has_truth: bool, is_exact: bool, random: np.random.Generator
) -> None:
    found = tally(world(random, has_truth=has_truth, is_exact=is_exact), DRAWS, random)
    assert isinstance(found, Tally)
    assert found.draws == DRAWS
    assert found.granted["same"] == 1.0
    assert found.granted["far"] == 0.0
    assert found.false / DRAWS <= ALLOWED
    assert set(found.at_boundary) == {"just beyond", "far"}  # the other loses nothing
    assert max(found.at_boundary.values()) <= ALLOWED


def test_tests_go_on_until_the_first_failure(random: np.random.Generator) -> None:
    known = world(random, has_truth=True)
    every = np.arange(3000)
    assert certified_in_turn(known, every, every) == ["same"]

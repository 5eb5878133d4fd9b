import numpy as np
import pytest

from tradewind.measure import RawTimes, Timing, from_npz, to_npz
from tradewind.measure.timing import Turn


def _timing(random: np.random.Generator, rounds: int, *, read: bool) -> Timing:
    turns = []
    for _ in range(rounds):
        seconds = random.lognormal(-8, 1, int(random.integers(1, 40)))
        joules = float(random.random()) if read else None
        wall_s, cpu_s, place = random.random(), random.random(), random.integers(4)
        turns.append(Turn(seconds, float(wall_s), float(cpu_s), joules, int(place)))
    return Timing(turns)


def test_every_single_time_is_kept_in_its_place(random: np.random.Generator) -> None:
    entrants = {
        name: RawTimes(
            _timing(random, 5, read=name == "int8"), _timing(random, 5, read=name == "int8")
        )
        for name in ("original", "int8", "Ω-cascade")
    }
    found = from_npz(to_npz(entrants))
    assert list(found) == list(entrants)
    for name, raw in entrants.items():
        for mine, its in ((raw.single, found[name].single), (raw.load, found[name].load)):
            assert len(its.turns) == 5
            for one, other in zip(mine.turns, its.turns, strict=True):
                assert (one.wall_s, one.cpu_s, one.joules, one.place) == (
                    other.wall_s, other.cpu_s, other.joules, other.place,
                )  # fmt: skip
                # 12 binary digits are kept
                np.testing.assert_allclose(other.seconds, one.seconds, rtol=2**-12)


def test_the_slowest_call_is_there(random: np.random.Generator) -> None:
    timing = _timing(random, 3, read=False)
    timing.turns[1].seconds[0] = 9.0
    [found] = from_npz(to_npz({"one": RawTimes(timing, timing)})).values()
    assert found.single.turns[1].seconds.max() == pytest.approx(9.0, rel=2**-12)
    assert found.single.latency_ms(50) == pytest.approx(timing.latency_ms(50), rel=2**-11)


def test_many_calls_take_less_than_three_bytes_each(random: np.random.Generator) -> None:
    seconds = 1e-4 * (1 + 0.05 * random.random(50_000))
    timing = Timing([Turn(seconds, 1.0, 1.0)])
    assert len(to_npz({"one": RawTimes(timing, Timing())})) < 3 * len(seconds)

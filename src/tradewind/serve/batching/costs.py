"""What a batch costs, learned from the batches that were computed."""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable
from typing import final

from tradewind.serve.batching.company import Key

_MEMORY = 16  # newest times of a size that count
_NEWS = 0.25  # weight of a time after a long while: what was known may no longer hold
_DOUBT = 4  # a size seen so often is believed half, the straight line the other half
_OUTLIER = 3.0  # times as long as expected: so much is believed at once, no more
_SIZES = 48  # sizes remembered for one shape
_SHAPES = 128  # shapes remembered for one model
_ENOUGH = 2  # times after which a size is known: the first holds what is done only once
_NEARLY = 0.97  # of the best rate: a smaller batch that reaches it answers sooner
_EXPECTED = 1024  # sizes of which it is kept what they take, until that is worked out again
_LOOK_AGAIN = 64  # batches after which a neighbour of the best size is timed again


def ladder(top: int, preferred: Iterable[int] = ()) -> tuple[int, ...]:
    """Return the batch sizes worth a try: 1, 2, 3, 4, 6, 8, 12 and so on, and those preferred."""
    sizes = {size for size in preferred if 1 <= size <= top} | {1, top}
    power = 1
    while power <= top:
        sizes |= {size for size in (power, power * 3 // 2) if size <= top}
        power *= 2
    return tuple(sorted(sizes))


@final
class Curve:
    """Seconds against batch size, for one shape.

    Each size has a mean of its newest times, drawn towards the straight line through all sizes
    until it was seen often: few times are noisy, and whoever picks the best of noisy numbers
    picks the noise. Twice the largest size known is hoped to take no longer, until it was tried;
    beyond, time grows with the size.

    What is asked for with every request is kept until enough is new: every time counts while there
    are few, later every sixteenth works it out again.

    Args:
        steps: the sizes to choose from, ascending.
    """

    def __init__(self, steps: tuple[int, ...]) -> None:
        self._steps = steps
        self._mean_s: dict[int, float] = {}
        self._seen: dict[int, int] = {}
        self._last: dict[int, int] = {}  # which of all times was the newest of a size
        self._learned = 0
        self._sizes: list[int] = []
        self._line = 0.0, 0.0  # seconds for a batch, seconds for each example in it
        self._known = 0  # the largest size that was seen often enough
        self._asked = 0
        self._expected_s: dict[int, float] = {}  # what was worked out for a size
        self._full: tuple[float, int] | None = None  # what was chosen for a limit
        self._due = 0  # times after which both are worked out again

    def learn(self, size: int, seconds: float) -> None:
        """Remember how long a batch took."""
        seen = self._seen.get(size, 0)
        if not seen:
            if len(self._sizes) >= _SIZES:
                self._forget(self._sizes[len(self._sizes) // 2])
            insort(self._sizes, size)
            self._mean_s[size] = seconds
        else:
            mean_s = self._mean_s[size]
            if seen == 1 and seconds < mean_s:
                mean_s = seconds  # the first time holds what is done only once
            weight = 1 / min(seen + 1, _MEMORY)
            if self._learned - self._last[size] >= _LOOK_AGAIN:
                weight = max(weight, _NEWS)
            self._mean_s[size] = mean_s + weight * (min(seconds, _OUTLIER * mean_s) - mean_s)
        self._seen[size] = seen + 1
        self._learned += 1
        self._last[size] = self._learned
        if size > self._known and seen + 1 >= _ENOUGH:
            self._known = size
        if self._learned >= self._due or seen < _DOUBT:
            self._renew()

    def time_s(self, size: int) -> float | None:
        """Return how long a batch will probably take; None where nothing is known."""
        found = self._expected_s.get(size)
        if found is None and self._sizes:
            if len(self._expected_s) >= _EXPECTED:
                self._expected_s.clear()
            found = self._expected_s[size] = self._between(size)
        return found

    def _between(self, size: int) -> float:
        """Work out what a batch takes from the sizes around it."""
        place = bisect_left(self._sizes, size)
        if place < len(self._sizes) and (place == 0 or self._sizes[place] == size):
            return self._drawn(self._sizes[place])
        low = self._sizes[place - 1]
        low_s = self._drawn(low)
        if place == len(self._sizes):
            return low_s * max(1.0, size / (2 * low))
        high = self._sizes[place]
        return low_s + (self._drawn(high) - low_s) * (size - low) / (high - low)

    def choose(self, available: int, limit_s: float) -> int:
        """Return how many examples to compute together.

        The smallest batch that is nearly as productive as the best one. A size beyond those that
        are known is tried, at most twice as large; now and then a neighbour is timed again.

        Args:
            available: examples that wait, 1 or more.
            limit_s: how long the batch may take, unless a single example takes longer.
        """
        if not self._sizes:
            return 1
        timed = self._timed(available, limit_s)
        beyond = [size for size, _ in timed if self._known < size <= 2 * self._known]
        if beyond:
            return beyond[-1]
        place = _least(timed)
        self._asked += 1
        if self._asked % _LOOK_AGAIN == 0:  # above and below in turns
            place += 1 if self._asked % (2 * _LOOK_AGAIN) else -1
        return timed[min(max(place, 0), len(timed) - 1)][0]

    def full(self, limit_s: float) -> int:
        """Return how many examples are computed together when any number waits."""
        if not self._sizes:
            return 1
        if self._full is None or self._full[0] != limit_s:
            timed = self._timed(self._steps[-1], limit_s)
            self._full = limit_s, timed[_least(timed)][0]
        return self._full[1]

    def _timed(self, available: int, limit_s: float) -> list[tuple[int, float]]:
        """Return the sizes that may be chosen, with what they take."""
        # only steps: an engine prepares itself for every size that it has not seen before
        timed = [(size, self._guess(size)) for size in self._steps if size <= available]
        return [found for found in timed if found[1] <= limit_s] or timed[:1]

    def _guess(self, size: int) -> float:
        return max(self.time_s(size) or 0.0, 1e-9)

    def _drawn(self, size: int) -> float:
        """Return the mean of a size, drawn towards the line as far as it is doubtful."""
        if len(self._sizes) < 3:  # the line has nothing to add
            return self._mean_s[size]
        seen = self._seen[size]
        base_s, each_s = self._line
        return (seen * self._mean_s[size] + _DOUBT * (base_s + each_s * size)) / (seen + _DOUBT)

    def _renew(self) -> None:
        self._due = self._learned + 1 + min(self._learned, _MEMORY**2) // _MEMORY
        self._fit()
        self._expected_s.clear()
        self._full = None

    def _fit(self) -> None:
        """Find the line with the least relative error; neither part of it is negative."""
        s0 = s1 = s2 = t0 = t1 = 0.0
        for size, mean_s in self._mean_s.items():
            weight = min(self._seen[size], _MEMORY) / (size * size)
            s0 += weight
            s1 += weight * size
            s2 += weight * size * size
            t0 += weight * mean_s
            t1 += weight * mean_s * size
        spread = s0 * s2 - s1 * s1
        if spread <= 1e-9 * s0 * s2:
            self._line = 0.0, t1 / s2
            return
        base_s = (s2 * t0 - s1 * t1) / spread
        each_s = (s0 * t1 - s1 * t0) / spread
        if base_s < 0:
            base_s, each_s = 0.0, t1 / s2
        elif each_s < 0:
            base_s, each_s = t0 / s0, 0.0
        self._line = base_s, each_s

    def _forget(self, size: int) -> None:
        self._sizes.remove(size)
        del self._seen[size], self._mean_s[size], self._last[size]


def _least(timed: list[tuple[int, float]]) -> int:
    """Return the place of the smallest size that is nearly as productive as the best."""
    goal = _NEARLY * max(size / seconds for size, seconds in timed)
    return next(place for place, (size, seconds) in enumerate(timed) if size / seconds >= goal)


@final
class Costs:
    """The curves of one model, by shape; those asked for longest ago are forgotten.

    Args:
        steps: the batch sizes to choose from, ascending.
    """

    def __init__(self, steps: tuple[int, ...]) -> None:
        self._steps = steps
        self._curves: OrderedDict[Key, Curve] = OrderedDict()

    def of(self, key: Key) -> Curve:
        """Return the curve of a shape."""
        found = self._curves.get(key)
        if found is None:
            found = self._curves[key] = Curve(self._steps)
            if len(self._curves) > _SHAPES:
                self._curves.popitem(last=False)
        else:
            self._curves.move_to_end(key)
        return found

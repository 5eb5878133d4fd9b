"""What several processes have counted, whatever happens to them."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.serve.observing import About, ModelMetrics, ServerMetrics, merged
from tradewind.serve.workers import Ledger

STEPS = st.lists(
    st.tuples(st.sampled_from(["count", "write", "ask", "die"]), st.integers(0, 2)), max_size=40
)


class _Process:
    """A worker as far as counting goes."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.model = ModelMetrics(lambda: 1, lambda: 0, about=About("m", "1"))
        self.metrics = ServerMetrics(lambda: [self.model], lambda: True, "0")

    def total(self, ledger: Ledger) -> int:
        """Return what this process tells about all of them."""
        ledger.write(self.number, self.metrics.snapshot())
        counts = merged([self.metrics.snapshot(), *ledger.others(self.number)])
        return sum(model.answered for model in counts.models)


@settings(deadline=None)  # it writes files
@given(STEPS)
def test_the_sum_never_falls_and_loses_only_what_was_not_written(
    steps: list[tuple[str, int]],
) -> None:
    with TemporaryDirectory() as name:
        ledger = Ledger(Path(name))
        alive = [_Process(number) for number in range(3)]
        following, told, written, counted = 3, 0, {0: 0, 1: 0, 2: 0}, 0
        for step, place in steps:
            process = alive[place]
            if step == "count":
                process.model.count_answer(0.0, 0.001, 0.002)
                counted += 1
            elif step == "write":
                ledger.write(process.number, process.metrics.snapshot())
                written[process.number] = process.model.answered
            elif step == "die":
                ledger.bury(process.number)
                alive[place] = _Process(following)
                written[following] = 0
                following += 1
            else:
                now = process.total(ledger)
                written[process.number] = process.model.answered
                assert told <= now <= counted
                assert now == sum(written.values())
                told = now


def test_the_dead_are_busy_with_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    process = _Process(7)
    process.model.count_answer(0.0, 0.001, 0.002)
    ledger.write(7, process.metrics.snapshot())
    ledger.bury(7)
    ledger.bury(8)  # which never wrote anything
    counts = merged(ledger.others(1))
    assert [(one.answered, one.running) for one in counts.models] == [(1, 0)]

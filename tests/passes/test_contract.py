import numpy as np
import pytest
from tests.cases import CASES

from tradewind.passes import Observed


def _observed(count: int) -> Observed:
    return Observed({"scale": np.array(2.0), "x": np.arange(count), "y": np.arange(count) * 2})


@pytest.mark.parametrize("count", [0, 1, 5, 6, 7])
def test_batches_hold_every_example_once_and_in_order(count: int) -> None:
    batches = list(_observed(count).batches(3))
    assert len(_observed(count)) == count
    assert [len(batch["x"]) for batch in batches] == [3] * (count // 3) + [count % 3] * (
        count % 3 > 0
    )
    assert [value for batch in batches for value in batch["x"].tolist()] == list(range(count))
    assert all(batch["scale"] == 2 for batch in batches)


@pytest.mark.parametrize("count", [0, 2, 3, 5, 6])
def test_full_batches_leave_out_what_does_not_fill_one(count: int) -> None:
    batches = _observed(count).full_batches(3)
    assert [len(batch["y"]) for batch in batches] == [3] * (count // 3)


def test_without_inputs_there_are_no_examples() -> None:
    assert len(Observed({})) == 0
    assert list(Observed({}).batches(4)) == []


def test_scalars_do_not_count_as_examples(random: np.random.Generator) -> None:
    case = next(case for case in CASES if case.name == "several")
    assert len(Observed(case.draw(random, 7))) == 7

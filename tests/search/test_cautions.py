from dataclasses import replace

import numpy as np
import pytest
from tests.search.stage import job, numbered

from tradewind.data import ArrayDataset, split
from tradewind.errors import DataError
from tradewind.search.cautions import cautions

RIGHT = np.zeros(100)


def test_of_good_data_nothing_is_told() -> None:
    assert cautions(job(), RIGHT) == []


def test_labels_that_are_one_off_are_suspected() -> None:
    [told] = cautions(job(), np.array([1.0] * 99 + [0.0]))
    assert told == (
        "the original is right on only 1.0% of 100 examples: check the labels and --preprocess"
    )
    # without labels the original is what is right
    assert cautions(job(numbered(4000, labelled=False)), np.ones(100)) == []


def test_too_few_examples_for_the_promise_are_told() -> None:
    [told] = cautions(job(numbered(200)), RIGHT)
    assert "140 examples are left to certify on" in told
    assert "nothing can be certified" in told


def _copied(count: int, of: int, groups: np.ndarray | None = None) -> ArrayDataset:
    """Return examples of which the last ones are copies of the first."""
    all_of_them = numbered(count)
    rows = np.concatenate([np.arange(count), np.arange(of)])
    labels = all_of_them.labels
    assert labels is not None
    return ArrayDataset(all_of_them.take(rows), labels[rows], groups=groups)


def test_many_copies_are_told_unless_their_groups_are_known() -> None:
    [told] = cautions(job(_copied(4000, of=1000)), RIGHT)
    assert told.startswith("1,000 of 5,000 examples are copies of others")
    assert cautions(job(_copied(4000, of=50)), RIGHT) == []
    work = job(_copied(4000, of=1000, groups=np.arange(5000) % 4000))
    assert not any("copies" in told for told in cautions(work, RIGHT))


def test_copies_are_in_one_split_with_what_they_copy(random: np.random.Generator) -> None:
    dataset = _copied(1000, of=300)
    parts = split(dataset, int(random.integers(1000)))
    prints = [
        set(dataset.fingerprints[part]) for part in (parts.calibrate, parts.select, parts.certify)
    ]
    assert not prints[0] & prints[1]
    assert not prints[1] & prints[2]
    assert not prints[0] & prints[2]


@pytest.mark.parametrize("count", [40, 400])
def test_constant_inputs_cannot_be_divided(count: int) -> None:
    same = ArrayDataset({"x": np.ones((count, 2), np.float32)}, np.arange(count) % 2)
    with pytest.raises(DataError, match="copies of very few"):
        split(same, 0)


def test_what_is_told_is_about_the_promise_at_hand() -> None:
    work = job(numbered(600))
    assert len(cautions(work, RIGHT)) == 0
    sharper = replace(work, budget=replace(work.budget, max_drop=0.001))
    assert len(cautions(sharper, RIGHT)) == 1

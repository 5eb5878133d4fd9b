import numpy as np
import pytest

from tradewind.data import ArrayDataset, Splits, split
from tradewind.errors import DataError, SettingError


def sizes(parts: Splits) -> tuple[int, int, int]:
    return len(parts.calibrate), len(parts.select), len(parts.certify)


def joined(parts: Splits) -> list[int]:
    return sorted([*parts.calibrate, *parts.select, *parts.certify])


@pytest.mark.parametrize(
    ("count", "expected"),
    [(30, (3, 6, 21)), (1000, (100, 200, 700)), (10_000, (300, 2000, 7700))],
)
def test_default_shares(count: int, expected: tuple[int, int, int]) -> None:
    assert sizes(split(count, 0)) == expected


def test_the_parts_are_disjoint_and_complete(random: np.random.Generator) -> None:
    seed = int(random.integers(2**32))
    assert joined(split(517, seed)) == list(range(517))


def test_the_same_seed_divides_in_the_same_way() -> None:
    assert split(100, 5).digest == split(100, 5).digest != split(100, 6).digest


def test_counts_asked_for_are_given() -> None:
    parts = split(100, 0, calibrate=0, select=20, certify=50)
    assert sizes(parts) == (0, 20, 50)


@pytest.mark.parametrize(
    ("count", "asked"),
    [
        (29, {}),
        (100, {"certify": 90}),
        (100, {"calibrate": 60, "select": 40}),
        (100, {"certify": 0}),
    ],
)
def test_too_few_examples_are_refused(count: int, asked: dict[str, int]) -> None:
    with pytest.raises(DataError):
        split(count, 0, **asked)


def test_a_negative_setting_is_refused() -> None:
    with pytest.raises(SettingError, match="seed"):
        split(100, -1)
    with pytest.raises(SettingError, match="select"):
        split(100, 0, select=-1)


def test_equal_examples_are_never_in_two_parts(random: np.random.Generator) -> None:
    values = random.integers(0, 150, 400).astype(np.float32)
    parts = split(ArrayDataset({"x": values[:, None]}), int(random.integers(1000)))
    assert joined(parts) == list(range(400))
    seen = [set(values[part]) for part in (parts.calibrate, parts.select, parts.certify)]
    assert all(seen)
    assert sum(map(len, seen)) == len(set.union(*seen))


def test_examples_that_differ_in_one_input_are_different() -> None:
    same = np.zeros((60, 1), np.float32)
    other = np.arange(60, dtype=np.int64)
    parts = split(ArrayDataset({"a": same, "b": other}), 0)
    assert sizes(parts) == (6, 12, 42)


def test_copies_of_one_example_cannot_be_divided() -> None:
    with pytest.raises(DataError, match="copies"):
        split(ArrayDataset({"x": np.zeros((60, 1), np.float32)}), 0)


def test_labels_do_not_decide_where_an_example_goes(random: np.random.Generator) -> None:
    x = random.normal(size=(60, 2)).astype(np.float32)
    first = split(ArrayDataset({"x": x}, np.arange(60)), 3)
    second = split(ArrayDataset({"x": x}, np.arange(60)[::-1].copy()), 3)
    assert first.digest == second.digest


def test_groups_are_never_in_two_parts(random: np.random.Generator) -> None:
    values = np.arange(600, dtype=np.float32)
    values[580:] = values[:20]  # copies tie groups together
    groups = random.integers(0, 90, 600)
    data = ArrayDataset({"x": values[:, None]}, groups=groups)
    parts = split(data, int(random.integers(1000)))
    assert joined(parts) == list(range(600))
    for kind in (groups, values):
        seen = [set(kind[part]) for part in (parts.calibrate, parts.select, parts.certify)]
        assert not seen[0] & seen[1]
        assert not seen[0] & seen[2]
        assert not seen[1] & seen[2]

from pathlib import Path

import numpy as np
import pytest

from tradewind.data import open_dataset
from tradewind.errors import DataError
from tradewind.tensors import Signature

MODULE = """
import numpy as np

def good():
    buffer = np.empty((4, 3), np.float32)
    for number in range(3):
        buffer[:] = number  # used again, as loaders do
        yield {"x": buffer, "label": np.array(["ham", "spammy"][: 2] * 2)}

def fails():
    yield {"x": np.ones((4, 3), np.float32)}
    raise KeyError("lost")

def changes_shape():
    yield {"x": np.ones((4, 3), np.float32)}
    yield {"x": np.ones((4, 5), np.float32)}

def changes_names():
    yield {"x": np.ones((4, 3), np.float32)}
    yield {"y": np.ones((4, 3), np.float32)}

def uneven():
    yield {"x": np.ones((4, 3), np.float32), "label": np.ones(3)}

def lists():
    yield [1, 2]

def nothing():
    return None

def objects():
    yield {"x": np.array([[None] * 3])}

def empty():
    return iter(())
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"loader_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return name


def test_batches_are_kept_for_random_access(module: str, table_signature: Signature) -> None:
    dataset = open_dataset(f"{module}:good", table_signature)
    assert len(dataset) == 12
    assert dataset.take(np.array([9, 0, 4]))["x"][:, 0].tolist() == [2, 0, 1]
    assert dataset.labels is not None
    assert dataset.labels.tolist() == ["ham", "spammy"] * 6


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("fails", "KeyError: 'lost'"),
        ("changes_shape", r"float32\[N, 3\] as before"),
        ("changes_names", "arrays x as before, got y"),
        ("uneven", r"got \[3, 4\]"),
        ("lists", "batch 0: expected a mapping"),
        ("nothing", "got NoneType"),
        ("objects", "other Python objects"),
        ("empty", "no array of examples"),
        ("absent", "a function absent"),
    ],
)
def test_a_function_that_does_not_yield_examples_is_refused(
    module: str, table_signature: Signature, name: str, problem: str
) -> None:
    with pytest.raises(DataError, match=problem):
        open_dataset(f"{module}:{name}", table_signature)


def test_a_module_that_is_not_there_is_named(table_signature: Signature) -> None:
    with pytest.raises(DataError, match="a module no_such_module"):
        open_dataset("no_such_module:batches", table_signature)

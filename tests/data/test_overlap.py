"""Further examples, less those that must not be seen before they are certified on."""

import numpy as np
import pytest

from tradewind.data import ArrayDataset, Preprocessing, open_dataset, without_known
from tradewind.data.dataset import StoredDataset
from tradewind.data.rows import MemoryRows
from tradewind.errors import DataError
from tradewind.tensors import Array, Datatype, Signature, TensorSpec


def _data(x: Array, **others: Array) -> ArrayDataset:
    return ArrayDataset({"x": x, **others}, source="made up")


def test_what_the_other_holds_is_left_out(random: np.random.Generator) -> None:
    x = random.normal(size=(700, 3)).astype(np.float32)
    found = without_known(_data(x[200:]), _data(x[:450]), seed=1)
    assert len(found) == 250
    assert found.known == 250
    assert found.repeated == 0
    kept = {row.tobytes() for row in found.take(1000)["x"]}
    assert kept == {row.tobytes() for row in x[450:]}


def test_copies_are_used_once(random: np.random.Generator) -> None:
    x = random.normal(size=(40, 3)).astype(np.float32)
    found = without_known(_data(np.concatenate([x, x, x[:7]])), _data(x[:10]), seed=0)
    assert len(found) == 30
    assert found.known == 27
    assert found.repeated == 30


def test_an_example_differs_when_any_input_does(random: np.random.Generator) -> None:
    x, y = random.normal(size=(2, 30, 2))
    changed = y.copy()
    changed[::3] += 1
    found = without_known(_data(x, y=changed), _data(x, y=y), seed=0)
    assert sorted(found.indices.tolist()) == list(range(0, 30, 3))


def test_swapped_inputs_are_another_example(random: np.random.Generator) -> None:
    x, y = random.normal(size=(2, 30, 2))
    assert len(without_known(_data(x, y=y), _data(y, y=x), seed=0)) == 30


def test_the_order_is_random_and_fixed_by_the_seed(random: np.random.Generator) -> None:
    x = random.normal(size=(300, 3))
    first, again, other = (
        without_known(_data(x), _data(-x[:1]), seed).indices.tolist() for seed in (3, 3, 4)
    )
    assert first == again
    assert sorted(first) == list(range(300))
    assert first != sorted(first)
    assert first != other


def test_only_as_many_as_there_are_can_be_taken(random: np.random.Generator) -> None:
    x = random.normal(size=(20, 3))
    found = without_known(_data(x), _data(x[:5]), seed=0)
    assert len(found.take(8)["x"]) == 8
    assert len(found.take(800)["x"]) == 15


def test_the_same_images_stored_otherwise_are_known(random: np.random.Generator) -> None:
    signature = Signature(
        (TensorSpec("x", Datatype.FP32, ("N", 3, 4, 4)),),
        (TensorSpec("y", Datatype.FP32, ("N", 2)),),
    )
    raw = random.integers(0, 256, (12, 4, 4, 3)).astype(np.uint8)
    steps = Preprocessing(mean=(0.5,), std=(0.25,)).fitted(signature.inputs[0])
    ready = StoredDataset({"x": MemoryRows(steps.apply(raw))}, None, "ready", preprocessing=steps)
    np.savez(path := "images.npz", x=raw)
    stored = open_dataset(path, signature, preprocessing=Preprocessing(mean=(0.5,), std=(0.25,)))
    assert stored.fingerprints.tolist() != ready.fingerprints.tolist()
    assert len(without_known(stored, ready, seed=0)) == 0


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))


def test_examples_prepared_otherwise_cannot_be_compared(random: np.random.Generator) -> None:
    x = random.normal(size=(5, 3, 4, 4)).astype(np.float32)
    raw = StoredDataset({"x": MemoryRows(x)}, None, "raw", preprocessing=Preprocessing())
    with pytest.raises(DataError, match="prepared like those of made up"):
        without_known(raw, _data(x), seed=0)

import numpy as np

from tradewind.measure import batches as module
from tradewind.measure import timing_batches
from tradewind.tensors import Array


def _take(indices: Array) -> dict[str, Array]:
    return {"x": np.asarray(indices, np.float32)[:, None]}


def test_every_batch_of_a_size_is_another() -> None:
    found = timing_batches(_take, np.arange(1000), (1, 8))
    assert {len(batch["x"]) for batch in found[8]} == {8}
    firsts = [float(batch["x"][0, 0]) for batch in found[1]]
    assert firsts == list(range(module.POOL))
    assert len(found[8]) == module.POOL // 8


def test_too_few_examples_are_repeated() -> None:
    found = timing_batches(_take, np.arange(5), (1, 8))
    assert len(found[8]) == 1
    assert found[8][0]["x"].ravel().tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    assert len(found[1]) == 8


def test_large_examples_are_fewer() -> None:
    def take(indices: Array) -> dict[str, Array]:
        return {"x": np.zeros((len(indices), 2_000_000), np.float32)}

    found = timing_batches(take, np.arange(100), (1, 4))
    assert len(found[1]) == module.POOL_BYTES // 8_000_000

import numpy as np
import pytest
from onnx import helper
from tests.cases import CASES, DENSE
from tests.cases.building import graph
from tests.cases.case import GENERAL

from tradewind.engines import Engine, OnnxRuntime
from tradewind.errors import EngineError
from tradewind.measure import memory_use
from tradewind.model import Model, Origin


def _wide(megabytes: int) -> Model:
    rows = megabytes * 250_000 // 50
    proto = graph(
        [helper.make_node("Gather", ["table", "i"], ["y"])],
        {"i": (np.int64, ("N",))},
        {"y": (np.float32, ("N", 50))},
        {"table": np.ones((rows, 50), np.float32)},
    )
    return Model.from_proto(proto, Origin("onnx", "wide.onnx"))


@pytest.mark.parametrize("kind", GENERAL, ids=lambda kind: kind.name)
def test_a_weight_of_100_megabytes_takes_that_much_more(kind: type[Engine]) -> None:
    inputs = {"i": np.zeros(1, np.int64)}
    small = memory_use(_wide(1), kind(), inputs).peak_bytes
    large = memory_use(_wide(101), kind(), inputs).peak_bytes
    # the file itself, its parsed form and the runtime's copy may be there at the same time
    assert 95e6 < large - small < 600e6


def test_what_the_measuring_process_holds_does_not_count() -> None:
    inputs = DENSE.draw(np.random.default_rng(0), 1)
    alone = memory_use(DENSE.model, OnnxRuntime(), inputs).peak_bytes
    ballast = np.ones(40_000_000)
    beside = memory_use(DENSE.model, OnnxRuntime(), inputs).peak_bytes
    assert ballast.nbytes == 320e6
    assert abs(beside - alone) < 40e6


def test_inputs_of_every_type_reach_the_process(random: np.random.Generator) -> None:
    for case in CASES:
        if case.name in ("encoder", "several"):
            peak = memory_use(case.model, OnnxRuntime(threads=1), case.inputs(random)).peak_bytes
            assert peak > 2e7


def test_a_process_that_fails_says_why(random: np.random.Generator) -> None:
    with pytest.raises(EngineError, match="EngineError"):
        memory_use(DENSE.model, OnnxRuntime(), {"x": np.zeros((1, 3), np.float32)})


def test_a_process_that_takes_too_long_is_stopped(random: np.random.Generator) -> None:
    with pytest.raises(EngineError, match=r"none within 0\.05 s"):
        memory_use(DENSE.model, OnnxRuntime(), DENSE.inputs(random), timeout_s=0.05)


def test_what_was_needed_only_to_load_is_gone_when_it_answers() -> None:
    found = memory_use(_wide(101), OnnxRuntime(), {"i": np.zeros(1, np.int64)})
    # the weights stay; the file and its parsed form, a hundred megabytes or more, do not
    assert 95e6 < found.steady_bytes < found.peak_bytes - 50e6

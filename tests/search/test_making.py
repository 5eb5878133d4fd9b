import numpy as np
import pytest
from tests.cases import CASES

from tradewind.errors import PassError
from tradewind.model import Model
from tradewind.passes import Observed, QuantizeDynamic, QuantizeStatic
from tradewind.search.candidates import Graph
from tradewind.search.making import Maker

BY_NAME = {case.name: case for case in CASES}
LONG_S = 120.0


def _maker(name: str, random: np.random.Generator) -> tuple[Maker, Graph, Model]:
    case = BY_NAME[name]
    inputs = case.inputs(random, 32)

    def observe(count: int) -> Observed:
        return Observed({key: array[:count] for key, array in inputs.items()} if count else {})

    sample = {key: array[:8] for key, array in inputs.items()}
    return Maker(case.model, observe, sample), Graph((), case.model, "given"), case.model


def test_a_graph_that_was_made_before_is_not_made_again(random: np.random.Generator) -> None:
    maker, graph, original = _maker("dense", random)
    first = maker.apply(graph, QuantizeDynamic(), LONG_S)
    assert first is not None
    assert first.steps == (QuantizeDynamic(),)
    assert first.model.digest != original.digest
    assert maker.apply(graph, QuantizeDynamic(), LONG_S) is None


def test_a_pass_that_takes_too_long_is_stopped(random: np.random.Generator) -> None:
    maker, graph, _ = _maker("dense", random)
    with pytest.raises(PassError, match="an end within"):
        maker.apply(graph, QuantizeDynamic(), 0.01)


def test_a_pass_that_does_not_fit_says_why(random: np.random.Generator) -> None:
    maker, graph, _ = _maker("opset11", random)
    with pytest.raises(PassError, match="expected opset 13, got opset 11"):
        maker.apply(graph, QuantizeStatic(), LONG_S)


def test_the_base_of_an_old_model_is_upgraded(random: np.random.Generator) -> None:
    maker, _, original = _maker("opset11", random)
    base, troubles = maker.base(LONG_S)
    assert troubles == []
    assert base.is_exact
    assert base.model.graph.opset_imports[""] >= 13
    assert original.graph.opset_imports[""] == 11
    again = maker.apply(base, QuantizeStatic(), LONG_S)
    assert again is not None
    assert not again.is_exact


def test_troubles_with_the_base_leave_the_original(random: np.random.Generator) -> None:
    maker, _, original = _maker("opset11", random)
    base, troubles = maker.base(0.01)
    assert base.model == original
    assert len(troubles) == 2
    assert all("an end within 0.01 s" in trouble for trouble in troubles)

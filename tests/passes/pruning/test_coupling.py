"""What is cut is what channels set to zero would not have contributed, on every engine."""

import numpy as np
import pytest
from tests.cases import CASES, Case
from tests.cases.case import GENERAL
from tests.cases.comparing import assert_close
from tests.passes.pruning.graphs import BUILDS, Build, grouped, packed, shuffled, widened

from tradewind.model import Model, Origin
from tradewind.passes.pruning.coupling import Coupling, couple
from tradewind.passes.pruning.cutting import cut, silenced_channels
from tradewind.tensors import Array, Tensors

TOLERANCE = 1e-5
"""Sums of the same numbers, some of them zero, in another order."""


def _model(build: Build, random: np.random.Generator) -> Model:
    return Model.from_proto(build(random), Origin("onnx", f"{build.__name__}.onnx"))


def _inputs(model: Model, random: np.random.Generator, examples: int = 3) -> dict[str, Array]:
    return {
        spec.name: random.standard_normal(
            [size if isinstance(size, int) else examples for size in spec.shape]
        ).astype(np.float32)
        for spec in model.signature.inputs
    }


def _some(coupling: Coupling, random: np.random.Generator) -> set[int]:
    """Return some channels of every group, never all."""
    gone: set[int] = set()
    for group in coupling.groups:
        count = int(random.integers(1, len(group.channels)))
        gone |= set(random.choice(group.channels, count, replace=False).tolist())
    return gone


def _weights(model: Model) -> int:
    tensors = [value.const_value for value in model.graph.graph.initializers.values()]
    return sum(tensor.numpy().size for tensor in tensors if tensor is not None)


def _assert_exact(model: Model, coupling: Coupling, gone: set[int], inputs: Tensors) -> None:
    silent, smaller = silenced_channels(model, coupling, gone), cut(model, coupling, gone)
    assert _weights(smaller) < _weights(model)
    assert smaller.signature == model.signature
    before, after = model.graph.graph, smaller.graph.graph
    assert [node.op_type for node in after] == [node.op_type for node in before]
    for kind in GENERAL:
        with kind().compile(silent) as one, kind().compile(smaller) as other:
            assert_close(other(inputs), one(inputs), TOLERANCE)


@pytest.mark.parametrize("heads", [True, False], ids=["heads", "within"])
@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_a_cut_answers_as_channels_of_zero_do(
    build: Build, heads: bool, random: np.random.Generator
) -> None:
    model = _model(build, random)
    inputs = _inputs(model, random)
    coupling = couple(model, inputs, heads=heads)
    assert coupling.groups
    _assert_exact(model, coupling, _some(coupling, random), inputs)


@pytest.mark.parametrize("heads", [True, False], ids=["heads", "within"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_on_every_model_of_the_table_a_cut_is_exact_or_there_is_none(
    case: Case, heads: bool, random: np.random.Generator
) -> None:
    inputs = case.inputs(random)
    coupling = couple(case.model, inputs, heads=heads)
    gone = _some(coupling, random)
    if not gone:
        return
    silent, smaller = (
        silenced_channels(case.model, coupling, gone),
        cut(case.model, coupling, gone),
    )
    for kind in case.engines:
        with kind().compile(silent) as one, kind().compile(smaller) as other:
            assert_close(other(inputs), one(inputs), case.tolerance)


def test_a_cut_works_for_another_number_of_examples(random: np.random.Generator) -> None:
    model = _model(packed, random)
    coupling = couple(model, _inputs(model, random, 2), heads=True)
    _assert_exact(model, coupling, _some(coupling, random), _inputs(model, random, 7))


def _sizes(build: Build, random: np.random.Generator, *, heads: bool = True) -> list[int]:
    model = _model(build, random)
    coupling = couple(model, _inputs(model, random), heads=heads)
    return sorted(len(group.channels) for group in coupling.groups)


def test_groups_of_a_convolution_lose_the_same_channels(random: np.random.Generator) -> None:
    # 12 channels in two groups of 6; 8 in two groups of 4, each of which feeds two
    assert _sizes(grouped, random) == [4, 6]


def test_a_padded_shortcut_ties_channels_to_those_before_and_frees_the_padding(
    random: np.random.Generator,
) -> None:
    # 16 = 2 padded + 8 of the shortcut + 6 padded; read at the end are 3..13: 7 and 4 of them
    assert _sizes(widened, random) == [4, 7]


def test_attention_loses_whole_heads_or_the_same_part_of_each(
    random: np.random.Generator,
) -> None:
    assert _sizes(packed, random, heads=True) == [4, 10]
    assert _sizes(packed, random, heads=False) == [2, 10]


def test_without_channels_that_go_nothing_changes(random: np.random.Generator) -> None:
    model = _model(shuffled, random)
    inputs = _inputs(model, random)
    coupling = couple(model, inputs, heads=True)
    same = cut(model, coupling, set())
    for kind in GENERAL:
        with kind().compile(model) as one, kind().compile(same) as other:
            assert_close(other(inputs), one(inputs), TOLERANCE)


def test_multiplications_are_counted_as_they_are_left(random: np.random.Generator) -> None:
    model = _model(grouped, random)
    inputs = _inputs(model, random, 2)
    coupling = couple(model, inputs, heads=True)
    gone = _some(coupling, random)
    smaller = cut(model, coupling, gone)
    anew = couple(smaller, inputs, heads=True)
    assert coupling.macs(coupling.keeping(gone)) == anew.macs(anew.keeping(()))

from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tests.cases import CASES, DENSE, Case

from tradewind.errors import ModelError
from tradewind.model import Model, Origin
from tradewind.tensors import Datatype

HERE = Origin("onnx", "here.onnx")


def _model(*inputs: onnx.ValueInfoProto, kind: int = TensorProto.FLOAT) -> Model:
    body = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "g",
        list(inputs),
        [helper.make_tensor_value_info("y", kind, ["N"])],
    )
    return Model.from_proto(helper.make_model(body), HERE)


def test_a_model_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        DENSE.model.content = b""  # type: ignore[misc]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_signature_names_what_goes_in_and_out_and_no_weights(
    case: Case, random: np.random.Generator
) -> None:
    signature = case.model.signature
    assert {spec.name for spec in signature.inputs} == set(case.inputs(random))
    signature.check(case.inputs(random))
    assert signature.fixed_batch == case.fixed


def test_a_symbolic_size_keeps_its_name() -> None:
    case = next(case for case in CASES if case.name == "attention")
    (spec,) = case.model.signature.inputs
    assert spec.shape == ("N", "T", 8)
    assert spec.datatype is Datatype.FP32


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_model_survives_thawing(case: Case, random: np.random.Generator) -> None:
    again = case.model.with_graph(case.model.thaw())
    assert again.signature == case.model.signature
    assert again.origin == case.model.origin
    inputs = case.inputs(random)
    with case.engines[0]().compile(again) as runner:
        got = runner(inputs)
    assert all(got[name].shape == array.shape for name, array in case.reference(inputs).items())


def test_changing_a_thawed_graph_changes_no_model() -> None:
    digest = DENSE.model.digest
    thawed = DENSE.model.thaw()
    thawed.graph.name = "another"
    thawed.graph[0].op_type = "MatMul"
    assert DENSE.model.thaw().graph.name == "case"
    assert DENSE.model.graph.graph[0].op_type == "Gemm"
    assert DENSE.model.digest == digest


def test_equal_graphs_have_equal_digests() -> None:
    again = Model.from_proto(DENSE.model.to_proto(), DENSE.model.origin)
    assert again == DENSE.model
    assert again.digest == DENSE.model.digest
    assert len(again.digest) == 64


def test_a_saved_model_is_the_content(tmp_path: Path) -> None:
    DENSE.model.save(tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == DENSE.model.content


@pytest.mark.parametrize("content", [b"", b"garbage", DENSE.model.content[:50]])
def test_content_that_is_no_graph_is_refused(content: bytes) -> None:
    model = Model(content, HERE)
    for attempt in (lambda: model.signature, lambda: model.graph, model.thaw, model.to_proto):
        with pytest.raises(ModelError, match=r"^here\.onnx: expected an ONNX graph"):
            attempt()


def test_a_graph_out_of_order_is_refused() -> None:
    proto = DENSE.model.to_proto()
    nodes = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend(reversed(nodes))
    with pytest.raises(ModelError, match="nodes after those that they depend on"):
        _ = Model.from_proto(proto, HERE).signature


def test_a_graph_that_depends_on_itself_is_refused() -> None:
    proto = DENSE.model.to_proto()
    proto.graph.node[0].input[0] = proto.graph.node[0].output[0]
    with pytest.raises(ModelError, match="from itself"):
        _ = Model.from_proto(proto, HERE).signature


def test_a_branch_may_use_what_lies_around_it() -> None:
    case = next(case for case in CASES if case.name == "branch")
    assert case.model.graph.graph.num_nodes() == 1


def test_a_sequence_is_no_tensor() -> None:
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, ["N"]))
    with pytest.raises(ModelError, match="zipmap"):
        _ = _model(helper.make_value_info("x", kind)).signature


def test_a_type_without_a_name_in_the_protocol_is_refused() -> None:
    value = helper.make_tensor_value_info("x", TensorProto.COMPLEX64, ["N"])
    with pytest.raises(ModelError, match=r"x: expected a datatype .* got COMPLEX64"):
        _ = _model(value, kind=TensorProto.COMPLEX64).signature


def test_an_unknown_rank_is_refused() -> None:
    with pytest.raises(ModelError, match="unknown rank"):
        _ = _model(helper.make_tensor_value_info("x", TensorProto.FLOAT, None)).signature

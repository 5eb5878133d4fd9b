import onnx
import pytest
from onnx import TensorProto, helper

from tradewind.data import Preprocessing, Steps, Tokenization, carried, carry
from tradewind.errors import ModelError
from tradewind.model import Model, Origin


def proto() -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def frozen(given: onnx.ModelProto) -> Model:
    return Model.from_proto(given, Origin("onnx", "small.onnx"))


@pytest.mark.parametrize(
    "steps",
    [
        Preprocessing(size=(3, 4), mean=(0.1, 0.2, 0.3), std=(0.5,), resize="bicubic"),
        Preprocessing(layout="N", scale=32768.0),
        Tokenization('{"über": "☕"}', ("input_ids",), 128, pad_id=3, pad_left=True),
    ],
)
def test_a_model_brings_along_what_it_was_given(steps: Steps) -> None:
    given = proto()
    carry(given, steps)
    model = frozen(given)
    assert carried(model) == steps
    assert carried(model.with_graph(model.thaw())) == steps


def test_a_model_without_one_brings_none() -> None:
    assert carried(frozen(proto())) is None


@pytest.mark.parametrize("text", ["{", '{"scale": "much"}', '{"scale": -1}'])
def test_a_damaged_one_is_named(text: str) -> None:
    given = proto()
    given.metadata_props.add(key="tradewind.preprocessing", value=text)
    with pytest.raises(ModelError, match=r"small\.onnx: tradewind\.preprocessing"):
        carried(frozen(given))


def test_the_digest_of_a_model_tells_other_steps() -> None:
    given = [proto(), proto()]
    for one, scale in zip(given, (1.0, 2.0), strict=True):
        carry(one, Preprocessing(scale=scale))
    assert len({frozen(one).digest for one in given}) == 2

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tests.cases import CASES, DENSE
from tests.cases.sentences import opinion

from tradewind.errors import DataError, SettingError
from tradewind.measure import (
    Accuracy,
    Agreement,
    ClippedError,
    Metric,
    TopK,
    Within,
    decide,
    parse_metric,
)
from tradewind.measure.metric import score_threshold
from tradewind.model import Model, Origin
from tradewind.tensors import Array


def _column(*values: float) -> Array:
    return np.array(values, np.float32)[:, None]


@pytest.mark.parametrize(
    ("values", "threshold", "classes"),
    [
        (np.array([[0.1, 0.9], [0.8, 0.2]], np.float32), 0.5, [1, 0]),
        (np.array([[1, 3, 2]], np.int64), 0.5, [1]),
        (_column(0.4, 0.5, 0.6), 0.5, [0, 1, 1]),
        (_column(-0.1, 0.1), 0.0, [0, 1]),
        (np.array([0.4, 0.6], np.float16), 0.5, [0, 1]),
        (np.array([7, 3], np.int64), 0.5, [7, 3]),
        (np.array([[7], [3]], np.int64), 0.5, [7, 3]),
        (np.array([True, False]), 0.5, [1, 0]),
        (np.array(["ham", "spam"], object), 0.5, ["ham", "spam"]),
        (np.zeros((0, 1), np.float32), 0.5, []),
    ],
)
def test_the_first_output_decides_the_class(
    values: Array, threshold: float, classes: list[object]
) -> None:
    other = np.zeros((len(values), 9))
    assert decide({"first": values, "second": other}, threshold).tolist() == classes


def test_more_dimensions_than_a_classifier_has_are_refused() -> None:
    with pytest.raises(DataError, match="--metric within"):
        decide({"mask": np.zeros((2, 3, 4), np.float32)}, 0.5)


def _ending(*nodes: onnx.NodeProto) -> Model:
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["x"], ["start"]), *nodes],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", None])],
        [
            helper.make_tensor("s", TensorProto.FLOAT, [], [1.0]),
            helper.make_tensor("z", TensorProto.INT8, [], [0]),
            helper.make_tensor("one", TensorProto.INT64, [1], [1]),
        ],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return Model.from_proto(proto, Origin("onnx", "x.onnx"))


_node = helper.make_node


@pytest.mark.parametrize(
    ("nodes", "threshold"),
    [
        ([_node("Sigmoid", ["start"], ["y"])], 0.5),
        ([_node("Sigmoid", ["start"], ["p"]), _node("Cast", ["p"], ["y"], to=1)], 0.5),
        ([_node("Sigmoid", ["start"], ["p"]), _node("Flatten", ["p"], ["y"])], 0.5),
        (
            [
                _node("Sigmoid", ["start"], ["p"]),
                _node("QuantizeLinear", ["p", "s", "z"], ["q"]),
                _node("DequantizeLinear", ["q", "s", "z"], ["y"]),
            ],
            0.5,
        ),
        ([_node("Softmax", ["start"], ["p"]), _node("Gather", ["p", "one"], ["y"], axis=1)], 0.5),
        ([_node("Relu", ["start"], ["y"])], 0.0),
        ([_node("Sigmoid", ["start"], ["p"]), _node("Neg", ["p"], ["y"])], 0.0),
        ([_node("Identity", ["x"], ["y"])], 0.0),
    ],
)
def test_a_probability_is_cut_at_a_half_and_any_other_score_at_zero(
    nodes: list[onnx.NodeProto], threshold: float
) -> None:
    assert score_threshold(_ending(*nodes)) == threshold


@pytest.mark.parametrize(
    ("text", "metric"),
    [
        ("accuracy", Accuracy(0.0)),
        ("agreement", Agreement(0.0)),
        ("within:0.5", Within(0.5)),
        ("within:1e-3", Within(1e-3)),
        ("top:5", TopK(5)),
        ("error:0.25", ClippedError(0.25)),
    ],
)
def test_a_metric_is_read_from_its_name(text: str, metric: Metric) -> None:
    assert parse_metric(text, DENSE.model) == metric


@pytest.mark.parametrize(
    "text",
    ["", "acuracy", "accuracy:1", "within", "within:", "within:x", "within:0", "within:-1",
     "within:nan", "Accuracy ", "top", "top:0", "top:1.5", "error:0", "error:inf", "error:x"],
)  # fmt: skip
def test_an_unknown_metric_is_named(text: str) -> None:
    with pytest.raises(SettingError, match="--metric"):
        parse_metric(text, DENSE.model)


def test_a_classifier_with_one_sigmoid_is_cut_at_a_half() -> None:
    case = next(case for case in CASES if case.name == "score")
    assert parse_metric("accuracy", case.model) == Accuracy(0.5)


def test_answers_as_long_as_their_sentence_have_no_metric() -> None:
    with pytest.raises(SettingError, match=r"kept: FP32\[N, tokens, 2\]"):
        parse_metric("within:0.1", opinion())


def test_accuracy_compares_with_labels_of_either_kind_of_string() -> None:
    answers = np.array(["ham", "spam"], object)
    for labels in (["ham", "ham"], [b"ham", b"ham"]):
        right = Accuracy().is_right(answers, np.array(labels, object))
        assert right.tolist() == [True, False]


def test_agreement_needs_no_labels_and_accuracy_does() -> None:
    assert Accuracy.needs_labels
    assert not Agreement.needs_labels
    assert Agreement().is_right(np.array([1, 2]), np.array([1, 3])).tolist() == [True, False]


def test_within_looks_at_every_value_of_every_output() -> None:
    metric = Within(0.1)
    outputs: dict[str, Array] = {
        "a": np.zeros((2, 2, 2), np.float32),
        "b": np.zeros((2, 1), np.int64),
    }
    answers = metric.answers(outputs)
    assert answers.shape == (2, 5)
    truth = answers.copy()
    truth[1, 4] = 0.2
    assert metric.is_right(answers, truth).tolist() == [True, False]
    with pytest.raises(DataError, match="5 values each"):
        metric.is_right(answers, truth[:, :4])


def test_within_calls_nan_wrong() -> None:
    answers = np.array([[np.nan], [1.0]])
    assert Within(0.1).is_right(answers, np.ones((2, 1))).tolist() == [False, True]


def test_top_k_is_what_sorting_says(random: np.random.Generator) -> None:
    scores = random.integers(0, 6, (400, 9)).astype(np.float32)  # with many ties
    labels = random.integers(0, 9, 400)
    for k in (1, 3, 8):
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        found = TopK(k).is_right(TopK(k).answers({"y": scores}), labels)
        assert found.tolist() == (best == labels[:, None]).any(axis=1).tolist()
    first = Accuracy().is_right(scores.argmax(axis=1), labels)
    assert TopK(1).is_right(scores, labels).tolist() == first.tolist()


def test_top_k_needs_more_classes_than_k() -> None:
    with pytest.raises(DataError, match="more than 4 classes"):
        TopK(4).answers({"y": np.zeros((2, 4), np.float32)})


def test_an_error_counts_up_to_its_limit() -> None:
    metric = ClippedError(2.0)
    answers = metric.answers({"a": np.array([[0.0, 0.0], [np.nan, 1.0], [9.0, -9.0]])})
    truth = np.array([[1.0, -0.5], [0.0, 1.0], [0.0, 0.0]])
    assert metric.losses(answers, truth).tolist() == [0.375, 0.5, 1.0]
    assert not metric.is_exact


def test_right_answers_lose_nothing_and_wrong_ones_all() -> None:
    assert Accuracy().losses(np.array([1, 2]), np.array([1, 3])).tolist() == [0.0, 1.0]

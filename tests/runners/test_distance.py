import math
import zlib

import ml_dtypes
import numpy as np
import pytest

from tradewind.errors import SettingError
from tradewind.runners import DistancePredictor, columns_of, fit_distance, flat_answers
from tradewind.tensors import Array, Datatype, Signature, TensorSpec


def drawn(random: np.random.Generator, trees: int = 5, depth: int = 3) -> DistancePredictor:
    """Return a rule about four columns with random questions."""
    return DistancePredictor(
        -1.0,
        float(random.normal()),
        depth,
        tuple(random.integers(0, 4, trees * depth).tolist()),
        tuple(random.normal(size=trees * depth).tolist()),
        tuple(random.normal(size=trees << depth).tolist()),
    )


def _walked(rule: DistancePredictor, row: Array) -> float:
    """Return the distance that is predicted of one row, question by question."""
    total, trees = rule.bias, len(rule.columns) // rule.depth
    for tree in range(trees):
        place = 0
        for level in range(rule.depth):
            at = tree * rule.depth + level
            place += int(row[rule.columns[at]] > rule.bounds[at]) << level
        total += rule.values[(tree << rule.depth) + place]
    return math.exp(total)


def test_a_predicted_distance_is_what_the_trees_add_up_to(random: np.random.Generator) -> None:
    rule, columns = drawn(random), random.normal(size=(30, 4))
    wanted = [-_walked(rule, row) for row in columns]
    np.testing.assert_allclose(rule.rate(columns), wanted, rtol=1e-12)
    assert rule.rate(columns[:0]).shape == (0,)
    assert DistancePredictor(-1.0, 0.5).rate(columns).tolist() == [-math.exp(0.5)] * 30


def test_inputs_and_answers_are_looked_at(random: np.random.Generator) -> None:
    rule = drawn(random)
    inputs = {"b": random.normal(size=(20, 1)), "a": random.normal(size=(20, 2))}
    outputs = {"y": random.normal(size=20)}
    columns = np.concatenate([inputs["a"], inputs["b"], outputs["y"][:, None]], axis=1)
    wanted = rule.rate(columns)
    assert rule.confidence(outputs, inputs).tolist() == wanted.tolist()
    # in whatever order they come
    assert rule.confidence(outputs, dict(sorted(inputs.items()))).tolist() == wanted.tolist()
    assert rule.is_sure(outputs, inputs).tolist() == (wanted >= -1.0).tolist()


def test_an_answer_that_is_no_number_never_stands(random: np.random.Generator) -> None:
    rule = DistancePredictor(-1e9, 0.0)
    outputs = {"y": np.array([[1.0, 2.0], [np.nan, 0.0], [0.0, np.inf]], np.float32)}
    assert rule.is_sure(outputs, {}).tolist() == [True, False, False]


def test_columns_are_numbers_of_every_kind(random: np.random.Generator) -> None:
    inputs = {
        "whole": np.array([[1], [2]], np.int64),
        "text": np.array([["tcp"], [b"udp"]], object),
        "half": np.array([0.5, 1.5], ml_dtypes.bfloat16),
        "missing": np.array([[np.nan], [3.0]], np.float32),
        "shared": np.array(7.0),
    }
    found = columns_of(inputs, np.array([[9.0], [8.0]]))
    first, second = zlib.crc32(b"tcp"), zlib.crc32(b"udp")
    assert found.tolist() == [[0.5, -np.inf, first, 1, 9], [1.5, 3, second, 2, 8]]


def test_of_large_tensors_four_numbers_are_looked_at(random: np.random.Generator) -> None:
    image = random.normal(size=(6, 3, 8, 8)).astype(np.float32)
    answers = random.normal(size=(6, 64))
    found = columns_of({"image": image}, answers)
    assert found.shape == (6, 4 + 64)
    flat = image.reshape(6, -1).astype(np.float64)
    wanted = np.stack([flat.mean(1), flat.std(1), flat.min(1), flat.max(1)], axis=1)
    np.testing.assert_allclose(found[:, :4], wanted)
    assert np.array_equal(found[:, 4:], answers)


def test_answers_of_all_outputs_stand_side_by_side() -> None:
    found = flat_answers({"y": np.ones((2, 2, 2), np.float16), "n": np.array([3, 4])})
    assert found.tolist() == [[1, 1, 1, 1, 3], [1, 1, 1, 1, 4]]


def test_a_rule_with_half_a_tree_is_refused() -> None:
    for wrong in (
        {"depth": 2, "columns": (0,), "bounds": (0.0,), "values": (0.0, 1.0)},
        {"depth": 1, "columns": (0,), "bounds": (0.0,), "values": (0.0,)},
        {"depth": 0},
    ):
        with pytest.raises(SettingError, match="whole trees"):
            DistancePredictor(-1.0, **wrong)


def test_texts_have_no_distance() -> None:
    x = TensorSpec("x", Datatype.FP32, ("N", 3))
    number = TensorSpec("y", Datatype.INT32, ("N",))
    text = TensorSpec("name", Datatype.BYTES, ("N",))
    assert DistancePredictor(-1.0).obstacle(Signature((x,), (number,))) == ""
    assert "name" in DistancePredictor(-1.0).obstacle(Signature((x,), (number, text)))


def test_what_was_grown_tells_where_answers_are_far_off(random: np.random.Generator) -> None:
    columns = random.uniform(size=(3000, 6))
    scale = np.where((columns[:, 2] > 0.6) & (columns[:, 4] < 0.5), 1.0, 0.05)
    distances = np.abs(random.normal(size=3000)) * scale
    rule = fit_distance(columns[:1500], distances[:1500])
    found, truth = rule.rate(columns[1500:]), scale[1500:]
    # a fifth of all are far off; a pair is ordered rightly by far more often than by chance
    far, near = found[truth == 1.0], found[truth < 1.0]
    assert np.mean(far[:, None] < near) > 0.95


def test_categories_are_told_apart(random: np.random.Generator) -> None:
    kinds = random.choice(["tcp", "udp", "icmp", "sctp", "quic"], (1000, 1)).astype(object)
    distances = np.where(kinds[:, 0] == "icmp", 1.0, 0.01) * random.uniform(0.5, 1.5, 1000)
    answers = np.zeros((1000, 1))
    rule = fit_distance(columns_of({"kind": kinds}, answers), distances).at(-0.1)
    sure = rule.is_sure({"y": answers}, {"kind": kinds})
    assert sure.tolist() == (kinds[:, 0] != "icmp").tolist()


def test_an_unknown_example_is_rated_like_a_known_one_on_its_side(
    random: np.random.Generator,
) -> None:
    columns = np.repeat([[-np.inf], [1.0], [2.0], [np.inf]], 50, axis=0)
    distances = np.repeat([9.0, 1.0, 3.0, 0.1], 50)
    rule = fit_distance(columns, distances)
    assert np.isfinite(rule.bounds).all()
    found = rule.rate(np.array([[-np.inf], [-5.0], [1.1], [1.9], [1e300], [np.inf]]))
    order = np.argsort(-rule.rate(np.array([[-np.inf], [1.0], [2.0], [np.inf]])))
    assert order.tolist() == [3, 1, 2, 0]
    assert found[2] == rule.rate(np.array([[1.0]]))[0]
    assert found[3] == rule.rate(np.array([[2.0]]))[0]


@pytest.mark.parametrize("distances", [np.zeros(60), np.full(60, np.nan), np.full(60, np.inf)])
def test_where_nothing_differs_all_are_rated_alike(
    distances: Array, random: np.random.Generator
) -> None:
    for columns in (random.normal(size=(60, 2)), np.ones((60, 2))):
        found = fit_distance(columns, distances).rate(columns)
        assert np.isfinite(found).all()
        assert np.ptp(found) <= 1e-9 * abs(found[0])

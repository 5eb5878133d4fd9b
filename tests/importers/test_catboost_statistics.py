"""What CatBoost counted of combinations of categories, from a document checked by hand."""

import json
from typing import Any

import numpy as np
import pytest
from tests.cases.evaluating import answer
from tests.cases.trees import draw_forest
from tests.importers.test_forests import assert_graph_answers

from tradewind.errors import ModelError
from tradewind.importers.forests import Feature, Forest, catboost
from tradewind.importers.forests.asking import questions
from tradewind.importers.forests.forest import Part, Statistic
from tradewind.tensors import Array

HASHES = {"red": 5, "blue": 2**32 - 7, "small": 11, "large": 12}
COLORS, SIZES = ("red", "blue"), ("small", "large")


def combined(*values: int) -> str:
    """Return the hash of a combination; a hash of 32 bits is taken with its sign."""
    magic, found = 0x4906BA494954CB65, 0
    for value in values:
        signed = value - 2**32 if value >= 2**31 else value
        found = magic * (found + magic * signed) % 2**64
    return str(found)


COLOR = {"combination_element": "cat_feature_value", "cat_feature_index": 0}
SIZE = {"combination_element": "cat_feature_value", "cat_feature_index": 1}
ABOVE = {"combination_element": "float_feature", "float_feature_index": 0, "border": 0.5}
IS_SMALL = {
    "combination_element": "cat_feature_exact_value",
    "cat_feature_index": 1,
    "value": HASHES["small"],
}


def statistic(kind: str, elements: list[Any], border: float, **more: Any) -> dict[str, Any]:
    return {
        "identifier": json.dumps([kind, *elements]),
        "elements": elements,
        "ctr_type": kind,
        "prior_numerator": 0.5,
        "prior_denomerator": 1,
        "shift": 0,
        "scale": 15,
        "target_border_idx": 0,
        "borders": [border],
        **more,
    }


def document() -> dict[str, Any]:
    """Return a model that asks for how often a color is seen, and for a mean over four things."""
    counter = statistic("Counter", [COLOR], 5.0)
    # the order in the file is another than that of the hash
    mean = statistic("Borders", [COLOR, SIZE, IS_SMALL, ABOVE], 10.0)
    rows = [combined(HASHES["red"], HASHES["small"], 1, 1), 1, 9]
    rows += [combined(HASHES["blue"], HASHES["large"], 0, 0), 9, 1, str(2**64 - 1), 1, 9]
    counts = [combined(HASHES["red"]), 8, combined(HASHES["blue"]), 2]
    asked = {"split_type": "OnlineCtr", "ctr_target_border_idx": 0}
    return {
        "features_info": {
            "float_features": [
                {"flat_feature_index": 0, "nan_value_treatment": "AsTrue", "borders": [0.5]}
            ],
            "categorical_features": [
                {"flat_feature_index": 1},
                {"flat_feature_index": 2, "values": [HASHES["small"]]},
            ],
            "cat_features_hash": [{"hash": v, "value": k} for k, v in HASHES.items()],
            "ctrs": [counter, mean],
        },
        "ctr_data": {
            counter["identifier"]: {
                "hash_map": counts,
                "hash_stride": 2,
                "counter_denominator": 8,
            },
            mean["identifier"]: {"hash_map": rows, "hash_stride": 3, "counter_denominator": 0},
        },
        "model_info": {"params": {"loss_function": {"type": "RMSE"}}},
        "oblivious_trees": [
            {
                "leaf_values": [0, 1, 2, 3],
                "splits": [
                    {**asked, "border": 5.0, "split_index": 2},
                    {**asked, "border": 10.0, "split_index": 3},
                ],
            }
        ],
        "scale_and_bias": [1, [0]],
    }


def read(changed: dict[str, Any]) -> Forest:
    return catboost.read(json.dumps(changed).encode(), "m")


def texts(*values: str) -> Array:
    return np.array(values, object)[:, None]


def test_counts_and_means_are_looked_up_by_the_hash_of_a_combination() -> None:
    forest = read(document())
    assert_graph_answers(forest)
    rows = [
        ("red", "small", 0.6, 3),  # (8 + 0.5) / 9 * 15 > 5, (9 + 0.5) / 11 * 15 > 10
        ("red", "small", np.nan, 3),  # which is above 0.5
        ("red", "small", 0.5, 1),  # was never seen together: 0.5 / 1 * 15 is below 10
        ("blue", "large", 0.5, 0),
        ("blue", "small", 0.6, 0),
        ("green", "large", 0.5, 0),
        ("small", "small", 0.6, 0),  # known, though not as a color
    ]
    inputs: dict[str, Array] = {
        "x0": np.array([[row[2]] for row in rows], np.float32),
        "x1": texts(*(row[0] for row in rows)),
        "x2": texts(*(row[1] for row in rows)),
    }
    found = answer(forest, inputs)["prediction"].ravel()
    assert found.tolist() == [row[3] for row in rows]


def test_what_was_never_seen_is_above_a_border_that_the_prior_is_above() -> None:
    changed = document()
    changed["features_info"]["ctrs"][1]["borders"] = [7.0]  # below 0.5 / 1 * 15
    changed["oblivious_trees"][0]["splits"][1]["border"] = 7.0
    inputs = {"x0": np.zeros((1, 1), np.float32), "x1": texts("green"), "x2": texts("")}
    assert answer(read(changed), inputs)["prediction"].tolist() == [[2]]


@pytest.mark.parametrize(
    ("kind", "border", "numbers", "expected"),
    [
        ("Borders", 0, [1, 2, 4], 6.5 / 8),
        ("Borders", 1, [1, 2, 4], 4.5 / 8),
        ("Borders", 0, [1, 2], 2.5 / 4),
        ("Buckets", 1, [1, 2, 4], 2.5 / 8),
        ("BinarizedTargetMeanValue", 0, [3, 9], 3.5 / 10),
        ("FloatTargetMeanValue", 0, [3, 9], 3.5 / 10),
        ("Counter", 0, [6], 6.5 / 9),
        ("FeatureFreq", 0, [6], 6.5 / 9),
    ],
)
def test_every_kind_is_a_share_with_its_prior(
    kind: str, border: int, numbers: list[int], expected: float
) -> None:
    changed = document()
    wanted = statistic(kind, [COLOR], 5.0, target_border_idx=border)
    changed["features_info"]["ctrs"][0] = wanted
    rows = {"hash_map": [combined(5), *numbers], "hash_stride": 1 + len(numbers)}
    changed["ctr_data"][wanted["identifier"]] = {**rows, "counter_denominator": 8}
    changed["oblivious_trees"][0]["splits"][0]["ctr_target_border_idx"] = border
    values = read(changed).statistics[0].values
    assert values.tolist() == [pytest.approx(15 * expected, rel=1e-6)]  # float32


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["features_info", "cat_features_hash"], [], "pool=train_pool"),
        (["features_info", "cat_features_hash", 1, "hash"], 99, "pool=train_pool"),
        (["features_info", "ctrs", 1, "elements"], [COLOR] * 12, "at most 8388608 combinations"),
        (["features_info", "ctrs", 0, "ctr_type"], "Mine", "a statistic that CatBoost 1.2 has"),
        (["features_info", "ctrs", 0, "prior_denomerator"], -8, "not finite"),
        (["oblivious_trees", 0, "splits", 0, "split_index"], 9, "one of its statistics"),
        (["oblivious_trees", 0, "splits", 0, "split_index"], 3, "one of its statistics"),
        (["ctr_data"], {}, "damaged"),
    ],
)
def test_what_cannot_be_looked_up_is_refused(path: list[Any], value: Any, message: str) -> None:
    changed = document()
    place: Any = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ModelError, match=message):
        read(changed)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([combined(5), 0.5], "reads as 0"),
        ([combined(5)], "rows of 2 numbers"),
        ([str(2**64 - 1), 3], "that were counted"),
    ],
)
def test_tables_that_do_not_count_are_refused(rows: list[Any], message: str) -> None:
    changed = document()
    name = changed["features_info"]["ctrs"][0]["identifier"]
    changed["ctr_data"][name]["hash_map"] = rows
    with pytest.raises(ModelError, match=message):
        read(changed)


def test_a_graph_looks_up_what_is_drawn(random: np.random.Generator) -> None:
    features = (Feature("x"), Feature("color", COLORS), Feature("size", SIZES), Feature("y"))
    parts = [
        *(Part(1), Part(2), Part(0, above=0.25), Part(3, above=-0.25, missing_yes=True)),
        Part(2, category=1),
    ]
    statistics = []
    for count in (1, 2, 3, 5):
        chosen = tuple(parts[place] for place in random.permutation(5)[:count])
        sizes = [part.size(features) - (part in parts[:2]) for part in chosen]
        cells = random.permutation(int(np.prod(sizes)))[: int(random.integers(1, 12))]
        places = np.stack(np.unravel_index(cells, sizes), axis=1)
        values = random.normal(size=len(cells)).astype(np.float32)
        statistics.append(Statistic(chosen, places, values))
    drawn = draw_forest(random, features=len(features) + len(statistics), comparison=">")
    forest = Forest(features, drawn.trees, ">", drawn.base, statistics=tuple(statistics))
    assert_graph_answers(forest)


def test_the_questions_hold_combinations_that_were_counted() -> None:
    forest = read(document())
    together = [
        {
            (one["x1"][row, 0], one["x2"][row, 0], bool(one["x0"][row, 0] > 0.5))
            for row in range(len(one["x1"]))
        }
        for one in questions(forest, 0, infinite=True)
    ]
    assert {("red", "small", True), ("blue", "large", False)} <= set().union(*together)

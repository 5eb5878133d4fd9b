import numpy as np
import onnx
import pytest
from onnx import helper

from tradewind.engines import OnnxRuntime
from tradewind.errors import PassError, SettingError
from tradewind.model import Model, Origin
from tradewind.passes import Observed, PruneTrees, compare
from tradewind.passes.pruning.forests import LEAF, Tree, read_forest, write_forest
from tradewind.tensors import Array

COLUMNS = 4
MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")


def _tree(random: np.random.Generator, depth: int, targets: int) -> Tree:
    """Return a full tree with questions of every kind; values are rounded, so that some tie."""
    inner, count = 2**depth - 1, 2 ** (depth + 1) - 1
    own = np.arange(count)
    is_leaf = own >= inner
    return Tree(
        feature=np.where(is_leaf, LEAF, random.integers(0, COLUMNS, count)),
        mode=random.integers(0, len(MODES), count),
        threshold=random.standard_normal(count).round(1).astype(np.float32),
        missing_yes=random.integers(0, 2, count).astype(bool),
        yes=np.where(is_leaf, own, 2 * own + 1),
        no=np.where(is_leaf, own, 2 * own + 2),
        values=np.where(is_leaf[:, None], random.standard_normal((count, targets)), 0.0),
        targets=np.arange(targets),
    )


def _model(trees: list[Tree], targets: int, *, rule: str = "SUM", tail: str = "") -> Model:
    node = helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["sums"], domain="ai.onnx.ml", n_targets=targets,
        aggregate_function=rule, base_values=[0.25] * targets, nodes_hitrates=[1.0],
    )  # fmt: skip
    write_forest(node, trees)
    nodes = [node, helper.make_node(tail, ["sums"], ["out"])] if tail else [node]
    graph = helper.make_graph(
        nodes,
        "trees",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", COLUMNS])],
        [
            helper.make_tensor_value_info(
                nodes[-1].output[0], onnx.TensorProto.FLOAT, ["N", targets]
            )
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(proto, full_check=True)
    return Model.from_proto(proto, Origin("onnx", "trees.onnx"))


def _rows(random: np.random.Generator, count: int, missing: float = 0.0) -> dict[str, Array]:
    rows = random.standard_normal((count, COLUMNS)).round(1).astype(np.float32)
    rows[random.random(rows.shape) < missing] = np.nan
    return {"x": rows}


def _answers(model: Model, inputs: dict[str, Array]) -> dict[str, Array]:
    with OnnxRuntime().compile(model) as runner:
        return runner(inputs)


def test_rows_come_to_the_leaves_that_the_runtime_takes(random: np.random.Generator) -> None:
    trees = [_tree(random, 4, 2) for _ in range(6)]
    model, inputs = _model(trees, 2), _rows(random, 200, missing=0.2)
    read = read_forest(model.to_proto().graph.node[0], "trees")
    sums = 0.25 + sum(tree.values[tree.places(inputs["x"])] for tree in read.trees)
    # six fp32 numbers are added up
    np.testing.assert_allclose(_answers(model, inputs)["sums"], sums, rtol=1e-5, atol=1e-5)


def test_a_cut_tree_asks_the_same_questions_as_far_as_it_goes(
    random: np.random.Generator,
) -> None:
    tree, rows = _tree(random, 5, 1), _rows(random, 300)["x"]
    shallow = tree.down_to(2)
    assert len(shallow.feature) == 7
    deep, short = tree.places(rows), shallow.places(rows)
    # rows that part in the first two questions part in both, and no others part in the short one
    level_two = deep.copy()
    while (level_two > 6).any():
        level_two = np.where(level_two > 6, (level_two - 1) // 2, level_two)
    pairs = set(zip(level_two.tolist(), short.tolist(), strict=True))
    assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})


@pytest.mark.parametrize("rule", ["SUM", "AVERAGE"])
def test_trees_that_say_the_same_twice_are_halved_without_loss(
    rule: str, random: np.random.Generator
) -> None:
    trees = [_tree(random, 3, 2) for _ in range(4)]
    model = _model([tree for tree in trees for _ in range(2)], 2, rule=rule)
    # every other order keeps one of each pair: spread evenly
    seen = _rows(random, 2000)
    change = PruneTrees(keep=0.5, ridge=1e-6).apply(model, Observed(seen))
    assert change.summary == "120 nodes of trees became 60"
    inputs = _rows(random, 300)
    found = compare(_answers(model, inputs), _answers(change.model, inputs))
    # leaves that few examples reach are not known exactly
    assert found.relative < 0.05


def test_all_trees_kept_answer_as_before(random: np.random.Generator) -> None:
    trees = [_tree(random, 4, 1) for _ in range(5)]
    model, inputs = _model(trees, 1, tail="Sigmoid"), _rows(random, 500)
    with pytest.raises(PassError, match="all needed"):
        PruneTrees(keep=1.0).apply(model, Observed(inputs))


def test_fitting_leaves_beats_leaving_trees_out(random: np.random.Generator) -> None:
    trees = [_tree(random, 3, 1) for _ in range(30)]
    model, seen, inputs = _model(trees, 1), _rows(random, 3000), _rows(random, 500)
    wanted = _answers(model, inputs)
    change = PruneTrees(keep=0.5).apply(model, Observed(seen))
    fitted = compare(wanted, _answers(change.model, inputs)).relative
    left_out = compare(wanted, _answers(_model(trees[:15], 1), inputs)).relative
    assert fitted < 0.9 * left_out


def test_shallower_trees_are_no_deeper_than_asked(random: np.random.Generator) -> None:
    model = _model([_tree(random, 5, 1) for _ in range(4)], 1)
    change = PruneTrees(keep=1.0, depth=2).apply(model, Observed(_rows(random, 500)))
    read = read_forest(change.model.to_proto().graph.node[0], "trees")
    assert [len(tree.feature) for tree in read.trees] == [7] * 4
    onnx.checker.check_model(change.model.to_proto(), full_check=True)


@pytest.mark.parametrize(
    "settings", [{"keep": 0.0}, {"keep": 1.1}, {"depth": -1}, {"examples": 0}, {"ridge": 0.0}]
)
def test_a_setting_outside_its_range_is_named(settings: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=f"^{next(iter(settings))}: expected"):
        PruneTrees(**settings)  # type: ignore[arg-type]

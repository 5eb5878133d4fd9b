from dataclasses import replace

import pytest
from tests.cases import CASES
from tests.search.stage import two_classes

from tradewind.passes import PASSES, Distil, DropBlocks, PruneChannels, PruneTrees
from tradewind.search.candidates import Graph
from tradewind.search.shrinking import again, has_time, limit_s, recipes, within

BY_NAME = {case.name: case for case in CASES}


def test_a_quick_search_makes_nothing_smaller() -> None:
    assert recipes(BY_NAME["residual"].model, "quick", 100, 20_000) == []


def test_a_graph_without_weights_is_not_shrunk() -> None:
    for name in ("encoder", "through"):
        assert recipes(BY_NAME[name].model, "thorough", 100, 20_000) == []


def test_of_trees_a_share_is_kept() -> None:
    model = BY_NAME["forest"].model
    assert recipes(model, "quick", 100, 20_000) == []
    for effort in ("normal", "thorough"):
        found = [step for recipe in recipes(model, effort, 100, 20_000) for step in recipe]
        assert found
        assert all(isinstance(step, PruneTrees) and step.keep < 1 for step in found)
        assert len({Graph((step,), model, "").label for step in found}) == len(found)


def test_without_training_what_is_cut_is_only_fitted_anew() -> None:
    found = recipes(BY_NAME["residual"].model, "normal", 100, 20_000)
    assert found
    assert all(len(recipe) == 1 for recipe in found)
    assert {type(step) for recipe in found for step in recipe} <= {PruneChannels, DropBlocks}


def test_a_thorough_search_trains_where_that_is_possible() -> None:
    found = recipes(two_classes(), "thorough", 1000.0, 20_000)
    trained = [recipe for recipe in found if any(isinstance(one, Distil) for one in recipe)]
    if Distil not in PASSES:
        assert found
        assert not trained
        return
    assert trained == found
    seconds = [one.time_s for recipe in found for one in recipe if isinstance(one, Distil)]
    assert sum(seconds) <= 1000.0


@pytest.mark.parametrize("left_s", [5.0, 100.0, 10_000.0])
def test_no_step_may_take_longer_than_what_is_left(left_s: float) -> None:
    for recipe in recipes(two_classes(), "thorough", left_s, 20_000):
        for step in recipe:
            assert 0 < limit_s(step, left_s) <= left_s


def test_with_little_time_one_student_is_trained() -> None:
    if Distil not in PASSES:
        pytest.skip("PyTorch is not installed (extra `train`)")
    found = {}
    for left_s in (100.0, 2000.0):
        (cut, train), (_, second) = recipes(two_classes(), "thorough", left_s, 20_000)
        assert isinstance(cut, DropBlocks)
        assert isinstance(train, Distil)
        after_s = left_s - train.time_s
        found[left_s] = cut.keep, round(train.time_s / left_s, 6), has_time((second,), after_s)
    assert found == {100.0: (0.5, 0.7, False), 2000.0: (0.5, 0.6, True)}


def test_training_has_time_to_end_by_itself() -> None:
    assert limit_s(Distil(time_s=30), 1000) > 30
    for left_s in (10.0, 60.0, 2000.0):
        step = within(Distil(time_s=300), left_s)
        assert isinstance(step, Distil)
        assert step.time_s <= 300
        assert step.time_s < limit_s(step, left_s) <= left_s
    assert within(DropBlocks(), 1.0) == DropBlocks()


def test_half_a_training_is_not_begun() -> None:
    recipe = (DropBlocks(), Distil(time_s=70))
    assert has_time(recipe, 100.0)
    assert has_time(recipe, 45.0)
    assert not has_time(recipe, 43.0)
    assert has_time((DropBlocks(),), 1.0)


def test_few_examples_are_learned_from_more_often_in_more_variants() -> None:
    if Distil not in PASSES:
        pytest.skip("PyTorch is not installed (extra `train`)")
    found = []
    for examples in (400, 1_500, 20_000):
        (_, train), *_ = recipes(two_classes(), "thorough", 500.0, examples)
        assert isinstance(train, Distil)
        found.append((train.epochs, train.variants))
    assert found == [(250, 62), (66, 16), (60, 8)]


def test_what_was_cut_with_success_is_cut_again() -> None:
    assert again((DropBlocks(keep=0.25),), 100.0) == (DropBlocks(keep=0.5),)
    assert again((PruneChannels(keep=0.6),), 100.0) == (PruneChannels(keep=0.6),)
    assert again((PruneTrees(keep=0.1),), 100.0) == (PruneTrees(keep=0.5),)
    assert again((DropBlocks(keep=0.6),), 100.0, is_deep=True) == (DropBlocks(keep=0.36),)
    cut, train = again((DropBlocks(), Distil(time_s=30)), 100.0)
    assert cut == DropBlocks()
    assert isinstance(train, Distil)
    assert 10.0 < train.time_s < 100.0


def test_cuts_of_the_same_kind_are_told_once() -> None:
    model = BY_NAME["residual"].model
    half, less = DropBlocks(keep=0.5), PruneChannels(keep=0.6)
    graph = Graph((half, Distil(), less, Distil(), replace(half, keep=0.5), Distil()), model, "")
    assert graph.label == "25% of blocks, 60% of channels, trained"


def test_smaller_graphs_of_one_search_have_different_names() -> None:
    for effort in ("normal", "thorough"):
        for model in (BY_NAME["residual"].model, two_classes()):
            found = recipes(model, effort, 100, 20_000)
            labels = [Graph(recipe, model, "").label for recipe in found]
            assert len(set(labels)) == len(labels)
            assert all(len(label) < 30 for label in labels)

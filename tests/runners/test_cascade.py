"""A cascade of runners that say what they were asked."""

import threading
from collections.abc import Sequence
from typing import final

import numpy as np
import pytest

from tradewind.data import Preprocessing
from tradewind.errors import EngineError, SettingError
from tradewind.runners import (
    AgreementPredictor,
    Cascade,
    DistancePredictor,
    Margin,
    Preprocessed,
    Runner,
    Scores,
)
from tradewind.runners.cascade import portions
from tradewind.tensors import Array, Datatype, Signature, Tensors, TensorSpec

RULE = Margin(Scores("scores"), 0.5)


@final
class Told(Runner):
    """Answers with scores that the input holds, plus its own number; remembers the batches."""

    def __init__(
        self, number: float, *, batch: int | str = "N", outputs: Sequence[TensorSpec] | None = None
    ) -> None:
        self.number = number
        self.sizes: list[int] = []
        self.is_closed = False
        self._lock = threading.Lock()
        self._signature = Signature(
            (
                TensorSpec("x", Datatype.FP32, (batch, 3)),
                TensorSpec("scale", Datatype.FP32, ()),
            ),
            tuple(
                outputs
                or (
                    TensorSpec("scores", Datatype.FP32, (batch, 3)),
                    TensorSpec("stage", Datatype.FP32, (batch,)),
                )
            ),
        )

    @property
    def signature(self) -> Signature:
        return self._signature

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        if self.is_closed:
            raise EngineError("told", "an open runner", "one that was closed")
        x = inputs["x"]
        assert inputs["scale"].shape == ()
        with self._lock:
            self.sizes.append(len(x))
        fixed = self._signature.fixed_batch
        assert fixed is None or len(x) == fixed
        stage = np.full(len(x), self.number, np.float32)
        return {"scores": x * inputs["scale"], "stage": stage}

    def close(self) -> None:
        self.is_closed = True


def _inputs(sure: Array) -> dict[str, Array]:
    """Return examples whose margin is 1 where sure, and 0 elsewhere."""
    x = np.zeros((len(sure), 3), np.float32)
    x[:, 0] = np.where(sure, 100.0, 0.0)
    return {"x": x, "scale": np.array(1.0, np.float32)}


def test_every_answer_comes_from_the_first_stage_that_is_sure(
    random: np.random.Generator,
) -> None:
    first, last = Told(1), Told(2)
    runner = Cascade([first, last], [RULE])
    sure = random.uniform(size=40) < 0.7
    answers = runner(_inputs(sure))
    assert answers["stage"].tolist() == np.where(sure, 1, 2).tolist()
    assert np.array_equal(answers["scores"], _inputs(sure)["x"])
    assert first.sizes == [40]
    assert last.sizes == [np.count_nonzero(~sure)]
    assert runner.answered == (int(np.count_nonzero(sure)), int(np.count_nonzero(~sure)))


def test_three_stages_ask_the_next_about_what_is_left(random: np.random.Generator) -> None:
    stages = [Told(1), Told(2), Told(3)]
    # margins of 0.2, 0.6 and 1: each rule lets more through
    margin = random.choice([0.0, 4.0, 100.0], 60)
    inputs = {
        "x": np.stack([margin, margin * 0, margin * 0], 1).astype(np.float32),
        "scale": np.array(1.0, np.float32),
    }
    runner = Cascade(stages, [RULE.at(0.99), RULE.at(0.5)])
    answers = runner(inputs)
    wanted = np.select([margin == 100, margin == 4], [1, 2], 3)
    assert answers["stage"].tolist() == wanted.tolist()
    assert runner.answered == tuple(np.bincount(wanted, minlength=4)[1:].tolist())
    assert [stage.sizes for stage in stages[:1]] == [[60]]
    assert stages[1].sizes == [np.count_nonzero(wanted > 1)]


def test_where_all_are_sure_the_next_stage_is_not_asked() -> None:
    first, last = Told(1), Told(2)
    Cascade([first, last], [RULE])(_inputs(np.ones(5, np.bool_)))
    assert (first.sizes, last.sizes) == ([5], [])


def test_where_none_is_sure_the_last_answers_all() -> None:
    first, last = Told(1), Told(2)
    runner = Cascade([first, last], [RULE])
    assert runner(_inputs(np.zeros(5, np.bool_)))["stage"].tolist() == [2] * 5
    assert (first.sizes, last.sizes) == ([5], [5])


def test_a_confidence_that_is_no_number_escalates() -> None:
    inputs = _inputs(np.ones(4, np.bool_))
    inputs["x"][1] = np.nan
    inputs["x"][2, 1:] = np.inf
    stages = Cascade([Told(1), Told(2)], [RULE])(inputs)["stage"]
    assert stages.tolist() == [1, 2, 2, 1]


def test_a_fixed_batch_is_filled_up(random: np.random.Generator) -> None:
    first, last = Told(1, batch=8), Told(2, batch=8)
    sure = np.array([True, False, True, True, True, False, True, True])
    answers = Cascade([first, last], [RULE])(_inputs(sure))
    assert answers["stage"].tolist() == np.where(sure, 1, 2).tolist()
    assert (first.sizes, last.sizes) == ([8], [8])


def test_a_last_stage_of_another_batch_is_asked_several_times() -> None:
    first, last = Told(1), Told(2, batch=2)
    answers = Cascade([first, last], [RULE])(_inputs(np.arange(12) >= 5))
    assert answers["stage"].tolist() == [2] * 5 + [1] * 7
    assert last.sizes == [2, 2, 2]


def test_rows_are_added_only_where_little_is_wasted() -> None:
    assert portions(7, (1, 8), None) == [8]
    assert portions(5, (1, 8), None) == [5]
    assert portions(8, (1, 8), None) == [8]
    assert portions(1, (1, 8), None) == [1]
    assert portions(19, (1, 8), None) == [19]
    assert portions(19, (1, 20, 24), None) == [20]
    assert portions(5, (1,), None) == [5]
    assert portions(5, (), None) == [5]
    assert portions(5, (), 4) == [4, 4]
    assert portions(4, (), 4) == [4]


def test_preferred_sizes_are_asked_for() -> None:
    first, last = Told(1), Told(2)
    runner = Cascade([first, last], [RULE], [(), (1, 8)])
    answers = runner(_inputs(np.arange(30) >= 7))
    assert answers["stage"].tolist() == [2] * 7 + [1] * 23
    assert last.sizes == [8]


def test_what_is_given_stays_as_it_was(random: np.random.Generator) -> None:
    inputs = _inputs(random.uniform(size=20) < 0.5)
    copies = {name: array.copy() for name, array in inputs.items()}
    for array in inputs.values():
        array.setflags(write=False)
    Cascade([Told(1), Told(2)], [RULE])(inputs)
    assert all(np.array_equal(inputs[name], array) for name, array in copies.items())


def test_many_threads_count_every_example_once(random: np.random.Generator) -> None:
    runner = Cascade([Told(1), Told(2)], [RULE])
    sure = random.uniform(size=50) < 0.6

    def work() -> None:
        for _ in range(50):
            runner(_inputs(sure))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    escalated = int(np.count_nonzero(~sure))
    assert runner.answered == (400 * (50 - escalated), 400 * escalated)


def test_a_preprocessed_cascade_counts_too() -> None:
    assert Told(1).answered == ()
    image = Signature(
        (TensorSpec("x", Datatype.FP32, ("N", 3, 4, 4)),),
        (TensorSpec("scores", Datatype.FP32, ("N", 3)),),
    )
    runner = Preprocessed(Cascade([Pooling(image), Pooling(image)], [RULE]), Preprocessing(), "x")
    runner({"x": np.zeros((2, 4, 4, 3), np.uint8)})
    assert runner.answered == (0, 2)
    assert len(runner.parts) == 1
    assert len(runner.parts[0].parts) == 2


@final
class Pooling(Runner):
    """Means over an image."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature

    @property
    def signature(self) -> Signature:
        return self._signature

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        return {"scores": inputs["x"].mean(axis=(2, 3))}

    def close(self) -> None: ...


def test_rules_of_numbers_see_the_inputs_of_what_is_left(random: np.random.Generator) -> None:
    stages = [Told(1), Told(2), Told(3)]
    x = random.uniform(-1, 1, (50, 3)).astype(np.float32)
    inputs = {"x": x, "scale": np.array(1.0, np.float32)}
    # near where the first input, and then where the second, is above 0
    first = DistancePredictor(-1.0, 0.0, 1, (0,), (0.0,), (1.0, -1.0))
    second = DistancePredictor(-1.0, 0.0, 1, (1,), (0.0,), (1.0, -1.0))
    answers = Cascade(stages, [first, second])(inputs)
    wanted = np.where(x[:, 0] > 0, 1, np.where(x[:, 1] > 0, 2, 3))
    assert answers["stage"].tolist() == wanted.tolist()
    assert stages[1].sizes == [np.count_nonzero(x[:, 0] <= 0)]


def test_closing_closes_every_stage() -> None:
    first, last = Told(1), Told(2)
    with Cascade([first, last], [RULE]):
        pass
    assert first.is_closed
    assert last.is_closed


def test_stages_that_put_out_other_shapes_are_an_error() -> None:
    free = [TensorSpec("scores", Datatype.FP32, ("N", None))]

    @final
    class Wider(Runner):
        signature = Signature((TensorSpec("x", Datatype.FP32, ("N", 3)),), tuple(free))

        def __init__(self, width: int) -> None:
            self._width = width

        def __call__(self, inputs: Tensors) -> dict[str, Array]:
            return {"scores": np.tile(inputs["x"], (1, self._width))}

        def close(self) -> None: ...

    runner = Cascade([Wider(1), Wider(2)], [RULE])
    inputs = {"x": _inputs(np.array([True, False]))["x"]}
    with pytest.raises(EngineError, match=r"shape \[1, 3\], as the stage before"):
        runner(inputs)


@pytest.mark.parametrize(
    ("stages", "rules", "preferred"),
    [
        ([Told(1)], [], ()),
        ([Told(1), Told(2)], [], ()),
        ([Told(1), Told(2)], [RULE, RULE], ()),
        ([Told(1), Told(2)], [RULE], [(1,)]),
        ([Told(1), Told(2)], [Margin(Scores("other"), 0.5)], ()),
        (
            [Told(1), Told(2, outputs=[TensorSpec("scores", Datatype.FP32, ("N", 4))])],
            [RULE],
            (),
        ),
        (
            [Told(n, outputs=[TensorSpec("y", Datatype.BYTES, ("N",))]) for n in (1, 2)],
            [DistancePredictor(-1.0)],
            (),
        ),
        ([Told(n, outputs=[TensorSpec("y", Datatype.INT64, ("N",))]) for n in (1, 2)], [RULE], ()),
    ],
)
def test_stages_that_do_not_fit_are_refused(
    stages: list[Runner], rules: list[Margin], preferred: Sequence[tuple[int, ...]]
) -> None:
    with pytest.raises(SettingError, match="cascade"):
        Cascade(stages, rules, preferred)


def test_the_rule_may_be_a_prediction() -> None:
    rule = AgreementPredictor(Scores("scores"), 0.9, weights=(1.0,), bias=-5.0)
    answers = Cascade([Told(1), Told(2)], [rule])(_inputs(np.arange(6) >= 2))
    assert answers["stage"].tolist() == [2, 2, 1, 1, 1, 1]


def test_the_time_of_each_stage_is_counted_where_it_was_asked() -> None:
    with Cascade((Told(1), Told(2)), (RULE,)) as runner:
        assert runner.spent_s == (0.0, 0.0)
        runner({"x": np.array([[9, 0, 0]], np.float32), "scale": np.array(1, np.float32)})
        first, second = runner.spent_s
        assert first > 0
        assert second == 0  # nobody asked it
        runner({"x": np.array([[0, 0, 0]], np.float32), "scale": np.array(1, np.float32)})
        assert runner.spent_s[0] > first
        assert runner.spent_s[1] > 0
    assert Told(1).spent_s == ()

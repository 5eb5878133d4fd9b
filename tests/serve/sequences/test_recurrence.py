import numpy as np
import pytest
from tests.serve.recurrent import COUNTER_STATES, GRU_STATES, compiled, counter, gru

from tradewind.errors import EngineError, RequestError, SettingError
from tradewind.runners import Turned
from tradewind.serve.sequences import Recurrence, State
from tradewind.tensors import Datatype, Dimension, Signature, TensorSpec


def spec(name: str, *shape: Dimension, datatype: Datatype = Datatype.FP32) -> TensorSpec:
    return TensorSpec(name, datatype, shape)


X, Y = spec("x", "N", 3), spec("y", "N", 2)


def signature(given: TensorSpec, taken: TensorSpec, x: TensorSpec = X) -> Signature:
    return Signature((x, given), (Y, taken))


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("h_in=h_out", State("h_in", "h_out")),
        ("h=h.1@-0.5", State("h", "h.1", -0.5)),
    ],
)
def test_a_state_is_read(text: str, state: State) -> None:
    assert State.parse(text) == state


@pytest.mark.parametrize("text", ["", "h", "=h", "h=", "h=g@", "h=g@x", "h=g@nan", "h=g@inf"])
def test_what_is_no_state_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="INPUT=OUTPUT"):
        State.parse(text)


def test_clients_see_no_states(random: np.random.Generator) -> None:
    with compiled(gru(random)) as runner:
        found = Recurrence(runner.signature, GRU_STATES)
        assert [one.name for one in found.signature.inputs] == ["x"]
        assert [one.name for one in found.signature.outputs] == ["y"]
        assert found.start["h_in"].shape == (1, 1, 5)
        # a batch in the second place is turned to the front, where the batcher joins
        assert isinstance(found.runner(runner), Turned)
        assert found.runner(runner).signature.inputs[1].shape == ("N", 1, 5)
    with compiled(counter()) as runner:
        found = Recurrence(runner.signature, COUNTER_STATES)
        assert found.runner(runner) is runner
        assert found.start["sum_in"].tolist() == [[0.5, 0.5]]
        assert found.start["steps_in"].dtype == np.int64


@pytest.mark.parametrize(
    ("given", "taken", "state", "message"),
    [
        (spec("h_in", "N", 4), spec("h_out", "N", 4), "h=h_out", "h_in=h_out were meant"),
        (spec("h_in", "N", 4), spec("h_out", "N", 4), "h_in=h", "state.output: expected one of y"),
        (spec("h_in", "N", 4), spec("h_out", "N", 5), "h_in=h_out", r"expected FP32\[N, 4\]"),
        (spec("h", "N", 4), spec("g", "N", 4, datatype=Datatype.FP64), "h=g", "FP64"),
        (spec("h", 1, "past"), spec("g", 1, "past"), "h=g", "written down"),
        (spec("h", 1, None), spec("g", 1, None), "h=g", "written down"),
        (
            spec("h", "N", datatype=Datatype.BYTES),
            spec("g", "N", datatype=Datatype.BYTES),
            "h=g",
            "expected numbers",
        ),
    ],
)
def test_states_that_do_not_fit_are_refused(
    given: TensorSpec, taken: TensorSpec, state: str, message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        Recurrence(signature(given, taken), [State.parse(state)])


def test_pairs_are_never_assumed_where_names_leave_a_doubt() -> None:
    wide = Signature((X, spec("h_in", "N", 4)), (Y, spec("h_out", "N", 5), spec("h_new", "N", 4)))
    with pytest.raises(SettingError) as caught:
        Recurrence(wide, [State("absent", "h_out")])
    assert caught.value.hint == "it looks as if h_in=h_new were meant."
    both = Signature(wide.inputs, (*wide.outputs, spec("h_next", "N", 4)))
    with pytest.raises(SettingError) as caught:
        Recurrence(both, [State("absent", "h_out")])
    assert caught.value.hint == ""


def test_something_is_left_for_clients() -> None:
    only = Signature((spec("h", "N", 4),), (Y, spec("g", "N", 4)))
    with pytest.raises(SettingError, match="besides the states"):
        Recurrence(only, [State("h", "g")])
    twice = signature(spec("h", "N", 4), spec("g", "N", 4))
    with pytest.raises(SettingError, match="once"):
        Recurrence(twice, [State("h", "g"), State("h", "g")])


def test_rows_are_steps_only_where_states_count_examples() -> None:
    x = np.zeros((3, 3), np.float32)
    counting = Recurrence(signature(spec("h", "N", 4), spec("g", "N", 4)), [State("h", "g")])
    assert [one["x"].shape for one in counting.steps({"x": x})] == [(1, 3)] * 3
    whole = Recurrence(signature(spec("h", 1, 4), spec("g", 1, 4)), [State("h", "g")])
    assert [one["x"].shape for one in whole.steps({"x": x})] == [(3, 3)]


def test_a_model_that_insists_on_one_example_takes_steps() -> None:
    given = (spec("x", 1, 1, 3), spec("rate", datatype=Datatype.INT64), spec("h", 1, 2, 4))
    known = Signature(given, (spec("y", "M", 2), spec("g", "M", 2, 4)))
    found = Recurrence(known, [State("h", "g")])
    assert [one.shape for one in found.signature.inputs] == [("steps", 1, 3), ()]
    assert [one.shape for one in found.signature.outputs] == [("steps", 2)]
    arrays = {"x": np.zeros((5, 1, 3), np.float32), "rate": np.array(16)}
    steps = found.steps(arrays)
    assert [(one["x"].shape, one["rate"].shape) for one in steps] == [((1, 1, 3), ())] * 5
    first = found.first_step(arrays)
    assert {name: array.shape for name, array in first.items()} == {
        "x": (1, 1, 3),
        "rate": (),
        "h": (1, 2, 4),
    }
    fixed = Signature((spec("x", 1, 3), spec("h", 1, 4)), (spec("y", 2), spec("g", 1, 4)))
    whole = Recurrence(fixed, [State("h", "g")])
    assert whole.signature.inputs[0].shape == (1, 3)  # whose answers could not be told apart


def test_a_sequence_is_one_example() -> None:
    frames = spec("x", "T", "N", 3)
    known = signature(spec("h", 2, "N", 4), spec("g", 2, "N", 4), frames)
    found = Recurrence(known, [State("h", "g")])
    assert len(found.steps({"x": np.zeros((7, 1, 3), np.float32)})) == 1
    with pytest.raises(RequestError, match=r"x\.shape\[1\]: expected 1"):
        found.steps({"x": np.zeros((7, 2, 3), np.float32)})


def test_steps_whose_answers_could_not_be_told_apart_are_refused() -> None:
    given = Signature((X, spec("h", "N", 4)), (spec("y", 2), spec("g", "N", 4)))
    found = Recurrence(given, [State("h", "g")])
    assert len(found.steps({"x": np.zeros((1, 3), np.float32)})) == 1
    with pytest.raises(RequestError, match="expected one step, got 2"):
        found.steps({"x": np.zeros((2, 3), np.float32)})


def test_inputs_agree_on_the_number_of_steps() -> None:
    given = Signature((X, spec("z", "M", 3), spec("h", "N", 4)), (Y, spec("g", "N", 4)))
    found = Recurrence(given, [State("h", "g")])
    arrays = {"x": np.zeros((2, 3), np.float32), "z": np.zeros((1, 3), np.float32)}
    with pytest.raises(RequestError, match="one number of steps"):
        found.steps(arrays)


def test_a_step_with_several_answers_is_refused() -> None:
    found = Recurrence(signature(spec("h", "N", 4), spec("g", "N", 4)), [State("h", "g")])
    outputs = {"y": np.zeros((2, 2), np.float32), "g": np.zeros((1, 4), np.float32)}
    with pytest.raises(EngineError, match="one row for one step"):
        found.split(outputs)


def test_a_state_that_grows_is_refused() -> None:
    found = Recurrence(signature(spec("h", "N", 4), spec("g", "N", None)), [State("h", "g")])
    outputs = {"y": np.zeros((1, 2), np.float32), "g": np.zeros((1, 5), np.float32)}
    with pytest.raises(EngineError, match="as it began"):
        found.split(outputs)

"""What every engine promises, on every model of the shared table."""

import contextlib
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tests.cases import CASES, DENSE, Case, variations
from tests.cases.comparing import assert_close

from tradewind.engines import ENGINES, Engine, OnnxRuntime, OpenVINO
from tradewind.errors import EngineError, ModelError, SettingError
from tradewind.model import Model, Origin
from tradewind.tensors import Array, Datatype

PAIRS = [
    pytest.param(kind(), case, id=f"{kind.name}-{case}")
    for kind in ENGINES
    for case in CASES
    if kind in case.engines
]
GENERAL = [kind for kind in ENGINES if kind in DENSE.engines]
"""The engines that run more than one kind of model."""

EVERY_ENGINE = pytest.mark.parametrize("engine", [kind() for kind in GENERAL], ids=lambda e: e.name)
EVERY_SETTING = pytest.mark.parametrize(
    "engine", [engine for kind in GENERAL for engine in variations(kind)], ids=lambda e: e.label
)


def test_every_engine_is_tried_on_a_model() -> None:
    assert {type(pair.values[0]) for pair in PAIRS} == set(ENGINES)


@pytest.mark.parametrize(("engine", "case"), PAIRS)
def test_an_engine_answers_as_the_reference_does(
    engine: Engine, case: Case, random: np.random.Generator
) -> None:
    inputs = case.inputs(random)
    case.model.signature.check(inputs)
    with engine.compile(case.model) as runner:
        assert runner.signature == case.model.signature
        answers = runner(inputs)
    for spec in case.model.signature.outputs:
        assert Datatype.of(answers[spec.name].dtype) is spec.datatype
        assert spec.fits(answers[spec.name].shape)
    assert_close(answers, case.reference(inputs), case.tolerance)


@pytest.mark.parametrize(("engine", "case"), PAIRS)
def test_a_batch_is_answered_as_its_examples_are_one_by_one(
    engine: Engine, case: Case, random: np.random.Generator
) -> None:
    if case.fixed:
        pytest.skip("the graph takes one number of examples only")
    inputs = case.inputs(random, 5)
    with engine.compile(case.model) as runner:
        together = runner(inputs)
        for index in range(5):
            alone = {k: v[index : index + 1] if v.ndim else v for k, v in inputs.items()}
            wanted = {
                spec.name: together[spec.name][index : index + 1]
                if spec.has_free_batch
                else together[spec.name]
                for spec in case.model.signature.outputs
            }
            assert_close(runner(alone), wanted, case.tolerance)


@pytest.mark.parametrize(("engine", "case"), PAIRS)
def test_threads_that_share_a_runner_get_their_own_answers(
    engine: Engine, case: Case, random: np.random.Generator
) -> None:
    inputs = [case.inputs(random) for _ in range(8)]
    failures: list[BaseException] = []
    with engine.compile(case.model) as runner:
        wanted = [runner(one) for one in inputs]
        start = threading.Barrier(len(inputs))

        def work(index: int) -> None:
            try:
                start.wait(30)
                for _ in range(5):
                    assert_close(runner(inputs[index]), wanted[index], case.tolerance)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(index,)) for index in range(len(inputs))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures, failures


@pytest.mark.parametrize(("engine", "case"), PAIRS)
def test_returned_arrays_belong_to_the_caller(
    engine: Engine, case: Case, random: np.random.Generator
) -> None:
    first, second = case.inputs(random), case.inputs(random)
    with engine.compile(case.model) as runner:
        answers = runner(first)
        before = {name: array.copy() for name, array in answers.items()}
        runner(second)
        for name, array in answers.items():
            assert np.array_equal(array, before[name]), "a later call changed it"
            array.fill("" if array.dtype == object else 0)
        assert_close(runner(first), before, case.tolerance)


@pytest.mark.parametrize(("engine", "case"), PAIRS)
def test_inputs_are_neither_changed_nor_have_to_be_in_one_piece(
    engine: Engine, case: Case, random: np.random.Generator
) -> None:
    inputs = case.inputs(random)
    # every other row of an array twice as long, and unwritable as the bytes of a request are
    strided: dict[str, Array] = {}
    for name, array in inputs.items():
        loose = np.repeat(array, 2, axis=0)[::2] if array.ndim else array.copy()
        loose.flags.writeable = False
        strided[name] = loose
    copies = {name: array.copy() for name, array in inputs.items()}
    with engine.compile(case.model) as runner:
        assert_close(runner(strided), runner(inputs), case.tolerance)
    for name, array in inputs.items():
        assert np.array_equal(array, copies[name])


@EVERY_ENGINE
def test_no_examples_are_answered_with_none(engine: Engine) -> None:
    with engine.compile(DENSE.model) as runner:
        assert runner({"x": np.zeros((0, 16), np.float32)})["logits"].shape == (0, 5)


@EVERY_ENGINE
def test_closing_twice_is_no_error_and_calling_afterwards_is(
    engine: Engine, random: np.random.Generator
) -> None:
    runner = engine.compile(DENSE.model)
    inputs = DENSE.inputs(random)
    runner(inputs)
    runner.close()
    runner.close()
    with pytest.raises(EngineError, match="closed"):
        runner(inputs)


@EVERY_ENGINE
def test_inputs_of_another_shape_are_an_engine_error(
    engine: Engine, random: np.random.Generator
) -> None:
    with engine.compile(DENSE.model) as runner:
        for wrong in (np.zeros((2, 17), np.float32), np.zeros((2, 16), np.float64)):
            with pytest.raises(EngineError):
                runner({"x": wrong})
        inputs = DENSE.inputs(random)
        assert_close(runner(inputs), DENSE.reference(inputs), DENSE.tolerance)


@EVERY_SETTING
def test_every_setting_keeps_the_answers(engine: Engine, random: np.random.Generator) -> None:
    case = next(case for case in CASES if case.name == "residual")
    # bf16 keeps 8 bits and fp16 11: 4e-3 for each of a few roundings
    tolerance = 5e-2 if getattr(engine, "precision", "f32") != "f32" else case.tolerance
    with engine.compile(case.model) as runner:
        for examples in (1, 2, 3, 1):
            inputs = case.inputs(random, examples)
            assert_close(runner(inputs), case.reference(inputs), tolerance)


@pytest.mark.parametrize("kind", ENGINES, ids=lambda kind: kind.name)
def test_labels_tell_settings_apart(kind: type[Engine]) -> None:
    labels = [engine.label for engine in variations(kind)]
    assert len(set(labels)) == len(labels)
    assert all("\n" not in label and len(label) < 60 for label in labels)


def test_engines_have_names_of_their_own_and_a_version() -> None:
    assert len({kind.name for kind in ENGINES}) == len(ENGINES)
    assert all(kind.version()[0].isdigit() for kind in ENGINES)


def test_engines_of_equal_settings_are_equal() -> None:
    for kind in ENGINES:
        for engine in variations(kind):
            assert engine == replace(engine)
            assert hash(engine) == hash(replace(engine))


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: OnnxRuntime(threads=-1), "threads"),
        (lambda: OpenVINO(threads=-1), "threads"),
        (lambda: OpenVINO(streams=0), "streams"),
        (lambda: OpenVINO(batch_sizes=(1, 0)), "batch_sizes"),
    ],
)
def test_a_setting_outside_its_range_is_named(make: type[Engine], setting: str) -> None:
    with pytest.raises(SettingError, match=f"^{setting}: expected"):
        make()


def _garbage(random: np.random.Generator) -> dict[str, bytes]:
    whole = DENSE.model.content
    no_weights = onnx.load_model_from_string(whole)
    del no_weights.graph.initializer[:]
    unknown = onnx.load_model_from_string(whole)
    unknown.graph.node[1].op_type = "Rellu"
    loop = onnx.load_model_from_string(whole)
    loop.graph.node[0].input[0] = "r"
    mismatch = onnx.load_model_from_string(whole)
    mismatch.graph.initializer[0].dims[0] = 15
    return {
        "empty": b"",
        "random": random.bytes(500),
        "cut off": whole[: len(whole) // 2],
        "text": b"<html>404</html>" * 20,
        "without weights": no_weights.SerializeToString(),
        "with an unknown operator": unknown.SerializeToString(),
        "with a cycle": loop.SerializeToString(),
        "with weights of another size": mismatch.SerializeToString(),
    }


@EVERY_ENGINE
@pytest.mark.parametrize("kind", sorted(_garbage(np.random.default_rng(0))))
def test_a_model_that_is_garbage_is_refused(
    engine: Engine, kind: str, random: np.random.Generator
) -> None:
    model = Model(_garbage(random)[kind], Origin("onnx", "garbage.onnx"))
    with pytest.raises((EngineError, ModelError)) as caught:
        engine.compile(model)
    assert "expected" in str(caught.value)
    assert caught.value.__cause__ is not None or "garbage.onnx" in str(caught.value)


@pytest.mark.parametrize("kind", ENGINES, ids=lambda kind: kind.name)
def test_a_model_that_an_engine_cannot_run_is_refused_when_it_is_compiled(
    kind: type[Engine],
) -> None:
    for case in CASES:
        if kind not in case.engines:
            with pytest.raises(EngineError, match=f"{case.name}.onnx"):
                kind().compile(case.model)


def test_an_unsupported_operator_is_named() -> None:
    model = Model(_garbage(np.random.default_rng(0))["with an unknown operator"], Origin("", "x"))
    for kind in GENERAL:
        with pytest.raises(EngineError, match="Rellu"):
            kind().compile(model)


@EVERY_ENGINE
def test_bfloat16_outside_is_refused_with_the_name_of_the_tensor(engine: Engine) -> None:
    graph = helper.make_graph(
        [helper.make_node("Cast", ["brain"], ["y"], to=TensorProto.FLOAT)],
        "g",
        [helper.make_tensor_value_info("brain", TensorProto.BFLOAT16, ["N", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(EngineError, match=r"brain: .*BF16"):
        engine.compile(Model.from_proto(proto, Origin("onnx", "x.onnx")))


@EVERY_ENGINE
@pytest.mark.parametrize("datatype", [Datatype.INT64, Datatype.UINT64])
def test_large_integers_are_answered_rightly_or_not_at_all(
    engine: Engine, datatype: Datatype
) -> None:
    element = TensorProto.INT64 if datatype is Datatype.INT64 else TensorProto.UINT64
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", element, ["N"])],
        [helper.make_tensor_value_info("y", element, ["N"])],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    values = np.array([1, 2**40], datatype.numpy)
    with engine.compile(Model.from_proto(proto, Origin("onnx", "x.onnx"))) as runner:
        assert runner({"x": values[:1]})["y"].tolist() == [2]
        with contextlib.suppress(EngineError):
            assert runner({"x": values})["y"].tolist() == [2, 2**41]


@EVERY_ENGINE
def test_compiling_writes_no_file(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with engine.compile(DENSE.model):
        pass
    assert list(tmp_path.iterdir()) == []

"""What is asked before the first request."""

import logging
from typing import final

import numpy as np
import pytest

from tradewind.errors import EngineError
from tradewind.runners import Cascade, Margin, Runner, Scores
from tradewind.serve.residency.warmup import warm_up
from tradewind.serve.served import ServedModel
from tradewind.tensors import Array, Datatype, Signature, Tensors, TensorSpec


@final
class Remembering(Runner):
    """Is always sure; remembers what it was asked."""

    def __init__(self, datatype: Datatype = Datatype.FP32, *, is_broken: bool = False) -> None:
        self._datatype = datatype
        self._is_broken = is_broken
        self.asked: list[Tensors] = []

    @property
    def signature(self) -> Signature:
        return Signature(
            (TensorSpec("x", self._datatype, ("N", "T", 2)),),
            (TensorSpec("y", Datatype.FP32, ("N", 2)),),
        )

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        self.asked.append(inputs)
        if self._is_broken:
            raise EngineError("engine", "an answer", "none")
        return {"y": np.tile(np.array([9, 0], np.float32), (len(inputs["x"]), 1))}

    def close(self) -> None: ...


def _served(runner: Runner) -> ServedModel:
    return ServedModel("m", runner, "onnx_test")


def test_a_model_is_asked_about_zeros_once() -> None:
    runner = Remembering()
    warm_up(_served(runner))
    [asked] = runner.asked
    assert asked["x"].shape == (1, 1, 2)
    assert not asked["x"].any()


def test_every_stage_is_warm_and_nothing_is_counted() -> None:
    stages = [Remembering(), Remembering()]
    cascade = Cascade(stages, [Margin(Scores("y"), 0.5)])
    warm_up(_served(cascade))
    assert [len(stage.asked) for stage in stages] == [1, 1]
    assert cascade.answered == (0, 0)


def test_strings_are_not_made_up() -> None:
    runner = Remembering(Datatype.BYTES)
    warm_up(_served(runner))
    assert runner.asked == []


def test_a_model_without_an_answer_to_zeros_is_served(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        warm_up(_served(Remembering(is_broken=True)))
    assert "model m has no answer to zeros" in caplog.text

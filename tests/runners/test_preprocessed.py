from typing import final

import numpy as np
import pytest

from tradewind.data import Preprocessing
from tradewind.errors import DataError
from tradewind.runners import Preprocessed, Runner
from tradewind.tensors import Array, Datatype, Signature, Tensors, TensorSpec

IMAGE = TensorSpec("image", Datatype.FP32, ("N", 3, 2, 2))
AGE = TensorSpec("age", Datatype.FP32, ("N", 1))
SCORE = TensorSpec("score", Datatype.FP32, ("N", 3, 2, 2))


@final
class Echo(Runner):
    """Answers with the image that it was given."""

    def __init__(self) -> None:
        self.is_closed = False

    @property
    def signature(self) -> Signature:
        return Signature((AGE, IMAGE), (SCORE,))

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        self.signature.check(inputs)
        return {"score": inputs["image"]}

    def close(self) -> None:
        self.is_closed = True


def test_the_signature_takes_raw_images_in_place_of_ready_ones() -> None:
    runner = Preprocessed(Echo(), Preprocessing(), "image")
    assert runner.signature.inputs == (AGE, TensorSpec("image", Datatype.UINT8, ("N", 2, 2, 3)))
    assert runner.signature.outputs == (SCORE,)


def test_the_model_sees_what_apply_returns(random: np.random.Generator) -> None:
    chosen = Preprocessing(mean=(0.5,), std=(0.25,))
    images = random.integers(0, 256, (5, 2, 2, 3)).astype(np.uint8)
    inputs: dict[str, Array] = {"image": images, "age": np.ones((5, 1), np.float32)}
    runner = Preprocessed(Echo(), chosen, "image")
    runner.signature.check(inputs)
    assert np.array_equal(runner(inputs)["score"], chosen.apply(images))
    assert inputs["image"] is images


def test_an_input_that_takes_no_images_is_refused() -> None:
    with pytest.raises(DataError, match="layout="):
        Preprocessed(Echo(), Preprocessing(), "age")
    with pytest.raises(DataError, match="an input named 'face'"):
        Preprocessed(Echo(), Preprocessing(), "face")


def test_closing_closes_the_inner_runner() -> None:
    inner = Echo()
    with Preprocessed(inner, Preprocessing(), "image"):
        pass
    assert inner.is_closed

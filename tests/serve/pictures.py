"""A model of images for tests."""

from typing import final

from tradewind.data import Preprocessing
from tradewind.runners import Preprocessed, Runner
from tradewind.tensors import Array, Datatype, Signature, Tensors, TensorSpec

COLORS = ("red", "green", "blue")


@final
class Brightness(Runner):
    """Answers the mean of each channel."""

    @property
    def signature(self) -> Signature:
        return Signature(
            (TensorSpec("x", Datatype.FP32, ("N", 3, 8, 6)),),
            (TensorSpec("y", Datatype.FP32, ("N", 3)),),
        )

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        return {"y": inputs["x"].mean(axis=(2, 3))}

    def close(self) -> None:
        pass


def picture() -> Runner:
    """A model of images with what is done to them before."""
    return Preprocessed(Brightness(), Preprocessing(mean=(0.5,), std=(0.5,)), "x")

"""A model together with what was done to its examples when it was certified."""

from typing import final

from tradewind.data import Preprocessing
from tradewind.runners.runner import Runner
from tradewind.tensors import Array, Signature, Tensors


@final
class Preprocessed(Runner):
    """Takes raw images or sound and hands them to a model as it was certified.

    Args:
        inner: answers for model-ready inputs; it is closed with this runner.
        preprocessing: what turns raw examples into model-ready ones.
        name: the input that it belongs to.

    Raises:
        DataError: there is no such input, or it does not suit the preprocessing.
    """

    def __init__(self, inner: Runner, preprocessing: Preprocessing, name: str) -> None:
        self._inner = inner
        spec = inner.signature.input(name)
        self._preprocessing = preprocessing.fitted(spec)
        self._name = name
        raw = self._preprocessing.raw_spec(spec)
        inputs = tuple(raw if spec.name == name else spec for spec in inner.signature.inputs)
        self._signature = Signature(inputs, inner.signature.outputs)

    @property
    def name(self) -> str:
        """The input that takes raw examples."""
        return self._name

    @property
    def takes_images(self) -> bool:
        """Whether raw examples are images, which `decode` makes of files."""
        return self._preprocessing.layout != "N"

    def decode(self, image: bytes, where: str) -> Array:
        """Return one raw example of the content of an image file, as it was certified.

        Raises:
            DataError: no image, damaged, or too large.
        """
        return self._preprocessing.decode(image, where)

    @property
    def signature(self) -> Signature:
        return self._signature

    @property
    def parts(self) -> tuple[Runner, ...]:
        return (self._inner,)

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        ready = {**inputs, self._name: self._preprocessing.apply(inputs[self._name])}
        return self._inner(ready)

    def close(self) -> None:
        self._inner.close()

"""A model with some of its sizes in another order."""

from collections.abc import Mapping
from typing import final

import numpy as np

from tradewind.runners.runner import Runner
from tradewind.tensors import Array, Signature, Tensors, TensorSpec


@final
class Turned(Runner):
    """Shows tensors with another of their sizes in front, such as the one that counts examples.

    Args:
        inner: answers; it is closed with this runner.
        axes: by the names of inputs and outputs, which of their sizes comes first here.
    """

    def __init__(self, inner: Runner, axes: Mapping[str, int]) -> None:
        self._inner = inner
        self._axes = dict(axes)
        signature = inner.signature
        self._signature = Signature(
            tuple(map(self._turned, signature.inputs)), tuple(map(self._turned, signature.outputs))
        )

    @property
    def signature(self) -> Signature:
        return self._signature

    @property
    def parts(self) -> tuple[Runner, ...]:
        return (self._inner,)

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        given = {name: self._move(name, array, is_back=True) for name, array in inputs.items()}
        outputs = self._inner(given)
        return {name: self._move(name, array) for name, array in outputs.items()}

    def close(self) -> None:
        self._inner.close()

    def _move(self, name: str, array: Array, *, is_back: bool = False) -> Array:
        axis = self._axes.get(name, 0)
        if not axis:
            return array
        return np.ascontiguousarray(np.moveaxis(array, *((0, axis) if is_back else (axis, 0))))

    def _turned(self, spec: TensorSpec) -> TensorSpec:
        axis = self._axes.get(spec.name, 0)
        shape = list(spec.shape)
        shape.insert(0, shape.pop(axis))
        return TensorSpec(spec.name, spec.datatype, tuple(shape)) if axis else spec

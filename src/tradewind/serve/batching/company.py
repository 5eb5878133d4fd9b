"""Which requests may be computed together, and whose row is whose."""

from collections.abc import Sequence
from typing import final

import numpy as np

from tradewind.errors import EngineError
from tradewind.tensors import Array, Datatype, Signature, Tensors

Key = tuple[tuple[int, ...], ...]
"""The shapes of all inputs but for the number of examples; equal keys may be joined."""

_NEAR = 0.02
"""How far an answer may be from itself, as a share of the largest one in it.

The order of additions depends on the batch size, which int8 and bf16 make visible; what mixes the
examples of a batch, such as a mean over them, moves answers by far more.
"""


@final
class Company:
    """Says which requests of one model may share a computation.

    Args:
        signature: of the model.
        is_wanted: whether anything may be joined at all.
    """

    def __init__(self, signature: Signature, *, is_wanted: bool) -> None:
        self._names = tuple(spec.name for spec in signature.inputs)
        self._outputs = {spec.name: spec.datatype for spec in signature.outputs}
        self.is_possible = is_wanted and _counts_examples(signature)

    def key(self, inputs: Tensors) -> Key:
        """Return what another request must have in common with this one."""
        first = 1 if self.is_possible else 0
        return tuple(inputs[name].shape[first:] for name in self._names)

    def rows(self, inputs: Tensors) -> int:
        """Return the number of examples, at least 1; 1 where they are not counted."""
        return (len(inputs[self._names[0]]) or 1) if self.is_possible else 1

    def counts(self, requests: Sequence[Tensors]) -> list[int]:
        """Return the number of examples in each request."""
        return [len(one[self._names[0]]) for one in requests]

    def join(self, requests: Sequence[Tensors]) -> dict[str, Array]:
        """Return the inputs of all requests, one below the other."""
        return {name: np.concatenate([one[name] for one in requests]) for name in self._names}

    def split(self, outputs: Tensors, counts: Sequence[int]) -> list[dict[str, Array]]:
        """Return views of what belongs to each request.

        Args:
            outputs: of the joined inputs.
            counts: the number of examples of each request, in the order they were joined in.

        Raises:
            EngineError: an output has not one row for each example.
        """
        total = sum(counts)
        for name, array in outputs.items():
            if array.ndim == 0 or len(array) != total:
                got = f"shape {list(array.shape)}"
                raise EngineError(name, f"one row for each of {total} examples", got)
        ends = np.cumsum(counts).tolist()
        return [
            {name: array[end - count : end] for name, array in outputs.items()}
            for end, count in zip(ends, counts, strict=True)
        ]

    def tells_apart(self, requests: Sequence[Tensors]) -> bool:
        """Say whether two requests differ, so that a mix-up of their answers would show."""
        return any(
            not np.array_equal(requests[0][name], one[name])
            for one in requests[1:]
            for name in self._names
        )

    def difference(self, alone: Tensors, together: Tensors) -> str | None:
        """Say in which output two answers to the same request differ; None where they agree."""
        for name, array in alone.items():
            if not _agree(self._outputs[name], array, together[name]):
                return name
        return None


def _counts_examples(signature: Signature) -> bool:
    specs = (*signature.inputs, *signature.outputs)
    if not signature.outputs or not all(spec.has_free_batch for spec in specs):
        return False
    return bool(signature.inputs) and len({spec.shape[0] for spec in signature.inputs}) == 1


def _agree(datatype: Datatype, alone: Array, together: Array) -> bool:
    if alone.shape != together.shape:
        return False
    if datatype is Datatype.BYTES or alone.dtype.kind == "b":
        return bool((alone == together).all())
    if alone.dtype.kind in "iu":
        noise = 1 if alone.dtype.itemsize == 1 else 0  # one step of a quantized output
        return bool((np.abs(alone.astype(object) - together.astype(object)) <= noise).all())
    mine, theirs = alone.astype(np.float64), together.astype(np.float64)
    finite = np.isfinite(mine)
    if not np.array_equal(mine[~finite], theirs[~finite], equal_nan=True):
        return False
    scale = float(np.abs(mine[finite]).max(initial=0.0))
    return bool((np.abs(mine[finite] - theirs[finite]) <= _NEAR * scale + 1e-9).all())

"""The rules that the inputs of a request must keep, prepared once for each model."""

import math

from tradewind.errors import RequestError
from tradewind.tensors import Array, Datatype, Signature, TensorSpec, describe, names

_MOST = 1 << 48
"""What the sizes of an empty tensor may multiply to without its zeros: there is no data to tell."""


class InputRules:
    """Names, datatypes and shapes that a model takes.

    Args:
        signature: of the model.
        max_batch: examples in one request, at most.
    """

    def __init__(self, signature: Signature, max_batch: int) -> None:
        self._specs = {spec.name: spec for spec in signature.inputs}
        self._open_shapes = {spec.name: spec.open_shape for spec in signature.inputs}
        self._names = names(signature.inputs)
        self._max_batch = max_batch
        self._shared = _shared_sizes(signature)

    @property
    def max_batch(self) -> int:
        """Examples in one request, at most."""
        return self._max_batch

    def check(
        self, name: str, datatype: str, shape: list[int], seen: dict[str, Array]
    ) -> tuple[Datatype, tuple[int, ...]]:
        """Raise unless the model takes such an input; return its type and shape.

        Args:
            name: as the request has it.
            datatype: as the request has it.
            shape: as the request has it.
            seen: the inputs that came before in the same request.

        Raises:
            RequestError: it does not, or the input came before.
        """
        spec = self._specs.get(name)
        if spec is None or name in seen:
            raise RequestError(
                "inputs",
                f"each of {self._names} once",
                f"{'a second' if spec else 'an'} input named {name[:80]!r}",
            )
        if datatype != spec.datatype:
            raise RequestError(
                f"{name}.datatype",
                spec.datatype.value,
                datatype[:40],
                f"the model takes {describe(spec.datatype, spec.shape)}.",
            )
        sizes = tuple(shape)
        if not _fits(sizes, self._open_shapes[name]):
            raise _wrong_shape(spec, shape)
        if 0 in sizes and math.prod(size or 1 for size in sizes) > _MOST:
            raise _wrong_shape(spec, shape)
        if spec.has_free_batch and sizes[0] > self._max_batch:
            raise RequestError(
                f"{name}.shape",
                f"at most {self._max_batch} examples",
                str(sizes[0]),
                "send several requests, or start the server with a higher limit.",
            )
        return spec.datatype, sizes

    def check_together(self, arrays: dict[str, Array]) -> None:
        """Raise unless every input is there, with the same size wherever the name is the same.

        Raises:
            RequestError: one is missing, or two sizes differ.
        """
        if len(arrays) != len(self._specs):
            missing = [name for name in self._specs if name not in arrays]
            raise RequestError("inputs", self._names, f"none named {', '.join(missing)}")
        for places in self._shared:
            sizes = {arrays[name].shape[axis] for name, axis in places}
            if len(sizes) > 1:
                where = ", ".join(f"{name}.shape[{axis}]" for name, axis in places)
                raise RequestError(where, "the same size", f"{sorted(sizes)}")

    def raw_shape(self, size_bytes: int) -> tuple[str, Datatype, tuple[int, ...]]:
        """Return the name, type and shape of the only input, from the size of its bytes.

        Raises:
            RequestError: the model has several inputs, several sizes are free besides the
                batch, which is 1 here, or the bytes do not fill whole rows.
        """
        where = "Inference-Header-Content-Length: 0"
        if len(self._specs) != 1:
            raise RequestError(where, "a model with one input", f"inputs {self._names}")
        spec = next(iter(self._specs.values()))
        sizes = list(spec.open_shape)
        if spec.has_free_batch:
            sizes[0] = 1
        if spec.datatype is Datatype.BYTES and sizes.count(-1) == 0 and math.prod(sizes) == 1:
            return spec.name, spec.datatype, tuple(sizes)
        known = math.prod(size for size in sizes if size != -1) * spec.datatype.numpy.itemsize
        if spec.datatype is Datatype.BYTES or sizes.count(-1) > 1 or (known and size_bytes % known):
            raise RequestError(
                where,
                f"the bytes of one example of {spec}",
                f"{size_bytes} bytes",
                "describe the input in JSON instead.",
            )
        free = size_bytes // known if known else 0
        return spec.name, spec.datatype, tuple(free if size == -1 else size for size in sizes)


def _fits(sizes: tuple[int, ...], known: tuple[int, ...]) -> bool:
    """Say whether sizes are those of a shape that has -1 where any size of 0 or more may stand."""
    if len(sizes) != len(known):
        return False
    for size, want in zip(sizes, known, strict=True):  # a generator is slower
        if size != want and (want >= 0 or size < 0):
            return False
    return -1 not in sizes


def _shared_sizes(signature: Signature) -> list[list[tuple[str, int]]]:
    """Return where the same symbolic size stands more than once."""
    places: dict[str | None, list[tuple[str, int]]] = {}
    for spec in signature.inputs:
        for axis, size in enumerate(spec.shape):
            if isinstance(size, str) or (size is None and axis == 0):  # nameless: the batch
                places.setdefault(size, []).append((spec.name, axis))
    return [found for found in places.values() if len(found) > 1]


def _wrong_shape(spec: TensorSpec, shape: list[int]) -> RequestError:
    hint = ""
    if len(shape) == len(spec.shape) - 1 and spec.has_free_batch:
        hint = "the first dimension counts examples; add it, also for a single one."
    given = ", ".join(map(str, shape[:16])) + (", ..." if len(shape) > 16 else "")
    return RequestError(
        f"{spec.name}.shape", describe(spec.datatype, spec.shape), f"[{given}]"[:200], hint
    )

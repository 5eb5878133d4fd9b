"""What flows through a graph on real inputs, a bounded number of values at a time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import onnx

from tradewind.model import Model
from tradewind.passes.contract import Observed
from tradewind.passes.inner import Session, session
from tradewind.passes.quantization.preparing import calibration_batches
from tradewind.tensors import Array

MOST_BYTES = 128 * 2**20
"""Activations that are looked at in one run; what is more takes runs of its own."""

BATCH = 8
"""Examples in one run, where the graph leaves it free."""


@dataclass(frozen=True)
class Watched:
    """The names of float tensors, in parts that are small enough to be looked at together."""

    parts: tuple[tuple[str, ...], ...]
    batches: list[dict[str, Array]]


def watch(
    model: Model,
    proto: onnx.ModelProto,
    seen: Observed,
    names: Sequence[str],
    look: Callable[[str, Array], None],
    most_bytes: int = MOST_BYTES,
) -> None:
    """Call `look` with each of the named tensors that hold floats, batch by batch.

    Args:
        model: what `proto` was made from, for its signature and its name.
        proto: the graph that is run.
        seen: the inputs.
        names: of inputs, outputs or tensors inside.
        look: is given a name and its values; must not keep them.
        most_bytes: activations that may be alive at once.

    Raises:
        PassError: the graph does not run, or there are too few examples.
    """
    given = {value.name for value in proto.graph.input}
    inside = [name for name in names if name not in given]
    watched = _parts(model, proto, seen, inside, most_bytes)
    for batch in watched.batches:
        for name in names:
            if name in batch and batch[name].dtype.kind == "f":
                look(name, batch[name])
    for part in watched.parts:
        loaded = session(proto, part, model.origin.source)
        for batch in watched.batches:
            for name, values in loaded(batch).items():
                look(name, values)


def _parts(
    model: Model, proto: onnx.ModelProto, seen: Observed, names: Sequence[str], most_bytes: int
) -> Watched:
    """Divide tensors so that those of one part take at most `most_bytes` in one run."""
    where = model.origin.source
    first = calibration_batches(model, seen, 1)[0]
    sizes: dict[str, int] = {}
    for some in _portions(names, 64):
        sizes |= _sizes(session(proto, some, where), first)
    examples = model.signature.fixed_batch or 1
    batch = BATCH
    while batch > 1 and sum(sizes.values()) // examples * batch > most_bytes:
        batch //= 2
    free = model.signature.fixed_batch is None and len(seen) > 0
    batches = list(seen.batches(batch)) if free else calibration_batches(model, seen, batch)
    scale = (model.signature.fixed_batch or min(batch, len(seen) or 1)) / examples
    parts: list[list[str]] = [[]]
    taken = 0.0
    for name, size in sizes.items():
        if parts[-1] and taken + size * scale > most_bytes:
            parts.append([])
            taken = 0.0
        parts[-1].append(name)
        taken += size * scale
    return Watched(tuple(tuple(part) for part in parts if part), batches)


def _sizes(loaded: Session, batch: dict[str, Array]) -> dict[str, int]:
    """Return the size in bytes of each value that is a tensor of floats."""
    return {
        name: values.nbytes
        for name, values in loaded(batch).items()
        if hasattr(values, "dtype") and values.dtype.kind == "f"
    }


def _portions(names: Sequence[str], size: int) -> Iterable[tuple[str, ...]]:
    left = iter(names)
    while portion := tuple(islice(left, size)):
        yield portion

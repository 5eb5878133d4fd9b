"""How long an answer takes at least on a machine, layer group by layer group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tradewind.measure.roofline.kernels import Kernel, kernels
from tradewind.measure.roofline.layer_groups import LayerGroup
from tradewind.measure.roofline.peaks import Peaks
from tradewind.measure.shaping import Shape
from tradewind.model import Model


@dataclass(frozen=True)
class GroupLoad:
    """What the layers of one group compute and move for one answer.

    Args:
        group: which layers.
        macs: multiply-accumulate operations.
        bytes_moved: weights and activations that kernels read and write.
        arithmetic: in which most of the multiplications are computed.
        limit_ms: what that takes at this machine's peaks.
        measured_ms: what it took; None when that was not measured.
    """

    group: LayerGroup
    macs: int
    bytes_moved: int
    arithmetic: str
    limit_ms: float
    measured_ms: float | None = None

    @property
    def share(self) -> float | None:
        """How much of this machine's limit is reached, 1 at most if the peaks are right."""
        return self.limit_ms / self.measured_ms if self.measured_ms else None


@dataclass(frozen=True)
class Roofline:
    """How far one way to run a model is from this machine's limit.

    Args:
        batch_size: examples in the answer.
        limit_ms: of all groups together.
        groups: the heaviest kind of layer first.
        measured_ms: of a whole answer; None when it was not measured.
        uncounted: layers whose multiplications depend on shapes that are not known.
    """

    batch_size: int
    limit_ms: float
    groups: tuple[GroupLoad, ...]
    measured_ms: float | None = None
    uncounted: int = 0

    @property
    def share(self) -> float | None:
        """How much of this machine's limit is reached, 1 at most if the peaks are right."""
        return self.limit_ms / self.measured_ms if self.measured_ms else None


def limits(
    model: Model,
    peaks: Peaks,
    inputs: Mapping[str, Shape] | None = None,
    precision: str = "f32",
) -> Roofline:
    """Return how long an answer takes at least.

    A kernel takes max(MACs / peak, bytes / bandwidth), a group the sum of its kernels. The
    bandwidth of a cache counts for what fits into it: weights where all of them fit together with
    the largest kernel, activations where those of their kernel fit.

    Args:
        model: what is looked at.
        peaks: of this machine.
        inputs: shapes of what goes in; symbolic batch sizes are taken as 1 where it is None.
        precision: in which the engine computes and stores what the graph has in float32.
    """
    found = kernels(model, inputs, precision)
    seconds = _seconds(found, peaks)
    groups = tuple(
        _load(group, [(one, time) for one, time in seconds if one.group is group])
        for group in LayerGroup
        if any(one.group is group for one in found)
    )
    sizes = [shape[0] for shape in (inputs or {}).values() if shape]
    return Roofline(
        batch_size=sizes[0] if sizes else 1,
        limit_ms=sum(one.limit_ms for one in groups),
        groups=groups,
        uncounted=sum(one.macs is None for one in found),
    )


def _seconds(found: Sequence[Kernel], peaks: Peaks) -> list[tuple[Kernel, float]]:
    most = max((one.activation_bytes for one in found), default=0.0)
    held = sum(one.weight_bytes for one in found) + most
    weights_per_s = peaks.cache.best if held <= peaks.cache_bytes else peaks.memory.best
    return [(one, _kernel_s(one, peaks, weights_per_s)) for one in found]


def _kernel_s(kernel: Kernel, peaks: Peaks, weights_per_s: float) -> float:
    fits = kernel.activation_bytes <= peaks.cache_bytes
    per_s = peaks.cache.best if fits else peaks.memory.best
    moving = kernel.weight_bytes / weights_per_s + kernel.activation_bytes / per_s
    return max((kernel.macs or 0) / peaks.macs_in(kernel.arithmetic), moving)


def _load(group: LayerGroup, found: Sequence[tuple[Kernel, float]]) -> GroupLoad:
    by_arithmetic: dict[str, int] = {}
    for kernel, _ in found:
        macs = by_arithmetic.get(kernel.arithmetic, 0) + (kernel.macs or 0)
        by_arithmetic[kernel.arithmetic] = macs
    return GroupLoad(
        group=group,
        macs=sum(by_arithmetic.values()),
        bytes_moved=round(sum(one.weight_bytes + one.activation_bytes for one, _ in found)),
        arithmetic=max(by_arithmetic, key=lambda name: by_arithmetic[name]),
        limit_ms=sum(seconds for _, seconds in found) * 1e3,
    )

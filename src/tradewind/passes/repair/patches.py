"""The rows that a layer multiplies with its weight, taken from what flows into it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper

from tradewind.tensors import Array


@dataclass(frozen=True)
class Window:
    """How a convolution looks at its input; one number for each spatial axis.

    Args:
        kernel: its size.
        strides: steps from one place to the next.
        dilations: steps inside the kernel.
        begins: zeros added before each axis.
        ends: zeros added after each axis.
        groups: parts of the channels that do not meet.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]
    groups: int

    def rows(self, data: Array, places: tuple[Array, ...]) -> Array:
        """Return what the kernel sees at some places of every example.

        Args:
            data: float[examples, channels, *spatial].
            places: one array of indices into the output for each spatial axis, all of one length.

        Returns:
            float[groups, examples * places, channels / groups * prod(kernel)].
        """
        rank = len(self.kernel)
        pads = [(0, 0), (0, 0), *zip(self.begins, self.ends, strict=True)]
        padded = np.pad(data, pads)
        offsets = np.indices(self.kernel).reshape(rank, 1, -1)
        chosen = tuple(
            place[:, None] * stride + offset * dilation
            for place, stride, offset, dilation in zip(
                places, self.strides, offsets, self.dilations, strict=True
            )
        )
        seen = at_places(padded, chosen)  # [examples, channels, places, kernel]
        count, channels, spots, size = seen.shape
        grouped = seen.reshape(count, self.groups, channels // self.groups, spots, size)
        return grouped.transpose(1, 0, 3, 2, 4).reshape(self.groups, count * spots, -1)


def window_of(node: onnx.NodeProto, weight: Array) -> Window | None:
    """Return how a convolution looks at its input; None where that depends on the input."""
    found = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    rank = weight.ndim - 2
    if found.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        return None
    pads = tuple(found.get("pads", [0] * 2 * rank))
    return Window(
        kernel=weight.shape[2:],
        strides=tuple(found.get("strides", [1] * rank)),
        dilations=tuple(found.get("dilations", [1] * rank)),
        begins=pads[:rank],
        ends=pads[rank:],
        groups=int(found.get("group", 1)),
    )


def some_places(
    spatial: tuple[int, ...], most: int, random: np.random.Generator
) -> tuple[Array, ...]:
    """Return the indices of at most so many places, drawn without repetition."""
    count = int(np.prod(spatial))
    chosen = np.arange(count) if count <= most else random.choice(count, most, replace=False)
    return tuple(np.unravel_index(np.sort(chosen), spatial))


def at_places(data: Array, places: tuple[Array, ...]) -> Array:
    """Return data[:, :, places] for one array of indices per spatial axis."""
    where: Any = (slice(None), slice(None), *places)
    found: Array = data[where]
    return found

"""How windows slide over the spatial dimensions of an image."""

from dataclasses import dataclass
from typing import final

from tradewind.interpreter.node import Node
from tradewind.interpreter.pytorch import Tensor, functional


@final
@dataclass(frozen=True)
class Windows:
    """The windows of a convolution or of a pooling over images of one size.

    Args:
        kernel: elements in a window, for each spatial dimension.
        strides: steps from one window to the next.
        dilations: steps inside a window.
        begin: elements added before the first.
        end: elements added after the last.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begin: tuple[int, ...]
    end: tuple[int, ...]

    @property
    def is_symmetric(self) -> bool:
        """Whether as much is added before as after."""
        return self.begin == self.end

    def padded(self, x: Tensor, value: float = 0.0) -> Tensor:
        """Return the images with what is added around them."""
        return pad_ends(x, self.begin, self.end, value)

    def ceiled(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """Return what more has to be added at the ends so that the last window is a whole one.

        A window that would begin in what is added behind an image is left out.
        """
        found = []
        for dim, size in enumerate(sizes):
            reach = (self.kernel[dim] - 1) * self.dilations[dim] + 1
            whole = size + self.begin[dim] + self.end[dim]
            count = -(-(whole - reach) // self.strides[dim]) + 1
            if (count - 1) * self.strides[dim] >= size + self.begin[dim]:
                count -= 1
            found.append(max((count - 1) * self.strides[dim] + reach - whole, 0))
        return tuple(found)


def pad_ends(x: Tensor, begin: tuple[int, ...], end: tuple[int, ...], value: float = 0.0) -> Tensor:
    """Add elements around the last dimensions; a negative number takes some away."""
    if not any(begin) and not any(end):
        return x
    pairs = [size for pair in zip(reversed(begin), reversed(end), strict=True) for size in pair]
    return functional.pad(x, pairs, value=value)


def windows(node: Node, sizes: tuple[int, ...], kernel: tuple[int, ...]) -> Windows:
    """Return the windows that a node's attributes ask for.

    Args:
        node: with the attributes `strides`, `dilations`, `pads` and `auto_pad`.
        sizes: of the spatial dimensions.
        kernel: of the window.
    """
    rank = len(kernel)
    strides = tuple(node.integers("strides", (1,) * rank))
    dilations = tuple(node.integers("dilations", (1,) * rank))
    kind = node.text("auto_pad", "NOTSET")
    begin: tuple[int, ...] = (0,) * rank
    end = begin
    if kind in ("SAME_UPPER", "SAME_LOWER"):
        begin, end = _same(sizes, kernel, strides, dilations, kind == "SAME_LOWER")
    elif kind == "NOTSET":
        pads = tuple(node.integers("pads", (0,) * 2 * rank))
        begin, end = pads[:rank], pads[rank:]
    return Windows(kernel, strides, dilations, begin, end)


def _same(
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    is_lower: bool,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return what is added so that there are ceil(size / stride) windows."""
    begin, end = [], []
    for size, extent, stride, step in zip(sizes, kernel, strides, dilations, strict=True):
        reach = (extent - 1) * step + 1
        total = max((-(-size // stride) - 1) * stride + reach - size, 0)
        less, more = total // 2, total - total // 2
        begin.append(more if is_lower else less)
        end.append(less if is_lower else more)
    return tuple(begin), tuple(end)

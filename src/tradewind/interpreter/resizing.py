"""Images made larger, smaller, or read at places of their own."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from tradewind.interpreter.node import Node
from tradewind.interpreter.operator import Operator, integers, number
from tradewind.interpreter.pytorch import Tensor, functional, torch
from tradewind.tensors import Array

_ROUNDING: dict[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}
_KERNELS = {"linear": 1, "cubic": 2}
"""How many elements to each side a kernel reaches."""


@final
@dataclass(frozen=True)
class Axis:
    """How one dimension is resized.

    Args:
        size: before.
        new: afterwards.
        scale: what `size` is multiplied with; `new` is rounded.
        start: of the part that is looked at, as a share of the dimension.
        end: of it.
    """

    size: int
    new: int
    scale: float
    start: float = 0.0
    end: float = 1.0

    def places(self, mode: str) -> Array:
        """Return where each new element lies among the old ones, between two of them or on one."""
        at, length = np.arange(self.new, dtype=np.float64), self.scale * self.size
        if mode == "asymmetric":
            return at / self.scale
        if mode == "align_corners":
            return at * (self.size - 1) / (length - 1) if length != 1 else 0 * at
        if mode == "tf_crop_and_resize":
            part = (self.end - self.start) * (self.size - 1)
            inner = at * part / (length - 1) if length != 1 else 0 * at + part / 2
            return inner + self.start * (self.size - 1)
        if mode == "pytorch_half_pixel" and length == 1:
            return 0 * at - 0.5
        middle = (at + 0.5) / self.scale - 0.5
        if mode == "half_pixel_symmetric":
            return middle + self.size / 2 * (1 - self.new / length)
        return middle


def resize(
    node: Node,
    x: Tensor,
    roi: Tensor | None = None,
    scales: Tensor | None = None,
    sizes: Tensor | None = None,
) -> Tensor:
    """Compute Resize, one dimension after the other."""
    if node.opset < 11:
        return upsample(node, x, roi)
    dims = [dim % x.dim() for dim in node.integers("axes", tuple(range(x.dim())))]
    roi_list = [] if roi is None else [float(value) for value in roi.flatten().tolist()]
    mode = node.text("coordinate_transformation_mode", "half_pixel")
    for at, (dim, size, scale) in enumerate(_targets(node, x, dims, scales, sizes)):
        part = (roi_list[at], roi_list[at + len(dims)]) if roi_list else (0.0, 1.0)
        axis = Axis(x.shape[dim], size, scale, *part)
        if size != axis.size or scale != 1 or mode == "tf_crop_and_resize":
            x = _resized(node, x, dim, axis, mode)
    return x


def _targets(
    node: Node, x: Tensor, dims: list[int], scales: Tensor | None, sizes: Tensor | None
) -> list[tuple[int, int, float]]:
    """Return dimension, new size and scale of everything that is resized."""
    if scales is not None and scales.numel():
        factors = [float(value) for value in scales.tolist()]
        pairs = zip(dims, factors, strict=True)
        return [(dim, math.floor(x.shape[dim] * factor), factor) for dim, factor in pairs]
    assert sizes is not None
    wanted = integers(sizes)
    ratios = [want / x.shape[dim] for dim, want in zip(dims, wanted, strict=True)]
    policy = node.text("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return list(zip(dims, wanted, ratios, strict=True))
    ratio = min(ratios) if policy == "not_larger" else max(ratios)
    return [(dim, math.floor(ratio * x.shape[dim] + 0.5), ratio) for dim in dims]


def _resized(node: Node, x: Tensor, dim: int, axis: Axis, mode: str) -> Tensor:
    places, kind = axis.places(mode), node.text("mode", "nearest")
    if kind == "nearest":
        rounding = node.text("nearest_mode", "round_prefer_floor")
        chosen = np.clip(_ROUNDING[rounding](places), 0, axis.size - 1).astype(np.int64)
        y = x.index_select(dim, torch.from_numpy(chosen).to(x.device))
    else:
        weights = torch.from_numpy(_weights(node, places, axis, kind)).to(x.device, x.dtype)
        y = torch.tensordot(x, weights, dims=([dim], [1])).movedim(-1, dim)
    if mode == "tf_crop_and_resize":
        outside = torch.from_numpy((places < 0) | (places > axis.size - 1)).to(x.device)
        shape = [-1 if at == dim else 1 for at in range(x.dim())]
        value = torch.full_like(y, node.number("extrapolation_value"))
        y = torch.where(outside.reshape(shape), value, y)
    return y


def _weights(node: Node, places: Array, axis: Axis, kind: str) -> Array:
    """Return how much each old element counts for each new one, [new, old]."""
    squeeze = min(axis.scale, 1.0) if node.integer("antialias") else 1.0
    reach = math.ceil(_KERNELS[kind] / squeeze) + 1
    line = np.arange(-reach, axis.size + reach)
    distance = np.abs(line[None] - np.clip(places, -1, axis.size)[:, None]) * squeeze
    if kind == "linear":
        spread = np.clip(1 - distance, 0, 1)
    else:
        spread = _cubic(distance, node.number("cubic_coeff_a", -0.75))
    is_inside = (line >= 0) & (line < axis.size)
    if node.integer("exclude_outside"):
        spread = spread * is_inside
    spread = spread / spread.sum(1, keepdims=True)
    found = np.zeros((len(places), axis.size))
    for at, old in enumerate(np.clip(line, 0, axis.size - 1)):
        found[:, old] += spread[:, at]
    return found


def _cubic(x: Array, a: float) -> Array:
    """Return the cubic kernel at distances (Keys 1981)."""
    near: Array = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def upsample(node: Node, x: Tensor, scales: Tensor | None = None) -> Tensor:
    """Compute Upsample, and Resize as it was in opset 10."""
    factors = node.numbers("scales") if scales is None else [float(v) for v in scales.tolist()]
    for dim, factor in enumerate(factors):
        if factor == 1:
            continue
        axis = Axis(x.shape[dim], math.floor(x.shape[dim] * factor), factor)
        places = axis.places("asymmetric")
        if node.text("mode", "nearest") == "nearest":
            chosen = np.clip(np.floor(places), 0, axis.size - 1).astype(np.int64)
            x = x.index_select(dim, torch.from_numpy(chosen).to(x.device))
        else:
            weights = torch.from_numpy(_weights(node, places, axis, "linear")).to(x.device, x.dtype)
            x = torch.tensordot(x, weights, dims=([dim], [1])).movedim(-1, dim)
    return x


def grid_sample(node: Node, x: Tensor, grid: Tensor) -> Tensor:
    """Compute GridSample."""
    modes = {"linear": "bilinear", "cubic": "bicubic"}
    mode = node.text("mode", "linear")
    return functional.grid_sample(
        x, grid, modes.get(mode, mode), node.text("padding_mode", "zeros"),
        bool(node.integer("align_corners")),
    )  # fmt: skip


def crop_or_pad(node: Node, x: Tensor, sizes: Tensor) -> Tensor:
    """Compute CenterCropPad: what is too much goes from both ends, what is missing comes there."""
    wanted = integers(sizes)
    for dim, want in zip(node.integers("axes", tuple(range(x.dim()))), wanted, strict=True):
        has = x.shape[dim]
        if want < has:
            x = x.narrow(dim, (has - want) // 2, want)
        elif want > has:
            flat = [0, 0] * (x.dim() - dim % x.dim())
            flat[-2:] = [(want - has) // 2, want - has - (want - has) // 2]
            x = functional.pad(x, flat)
    return x


def col2im(node: Node, x: Tensor, image: Tensor, block: Tensor) -> Tensor:
    """Compute Col2Im over two dimensions."""
    size, kernel = integers(image), integers(block)
    pads = node.integers("pads", (0,) * 2 * len(size))
    if len(size) != 2 or pads[:2] != pads[2:]:
        node.refuse("two dimensions with equal pads", f"{len(size)} with pads {pads}")
    return functional.fold(
        x, size, kernel, node.integers("dilations", (1, 1)), pads[:2],
        node.integers("strides", (1, 1)),
    )  # fmt: skip


def mel_weights(node: Node, *given: Tensor) -> Tensor:
    """Compute MelWeightMatrix: triangles on the mel scale, [frequencies, bins]."""
    bins, length, rate = (int(number(one)) for one in given[:3])
    low, high = (2595 * math.log10(1 + number(one) / 700) for one in given[3:5])
    edges = low + np.arange(bins + 2) * (high - low) / (bins + 2)
    columns = np.floor((length + 1) * (700 * (10 ** (edges / 2595) - 1)) / rate).astype(int)
    found = np.zeros((length // 2 + 1, bins))
    for bin_, (left, top, right) in enumerate(zip(columns, columns[1:], columns[2:], strict=False)):
        rows = np.arange(len(found))
        rising = (rows >= left) & (rows <= top)
        falling = (rows >= top) & (rows < right)
        found[rising, bin_] = (rows[rising] - left) / (top - left) if top > left else 1.0
        found[falling, bin_] = (right - rows[falling]) / max(right - top, 1)
    datatype = node.datatypes.of(node.integer("output_datatype", 1))
    return torch.from_numpy(found).to(datatype)


OPERATORS = {
    "CenterCropPad": Operator(crop_or_pad, host=(1,)),
    "Col2Im": Operator(col2im, host=(1, 2)),
    "GridSample": Operator(grid_sample),
    "MelWeightMatrix": Operator(mel_weights, host=(0, 1, 2, 3, 4)),
    "Resize": Operator(resize, host=(1, 2, 3)),
    "Upsample": Operator(upsample, host=(1,)),
}

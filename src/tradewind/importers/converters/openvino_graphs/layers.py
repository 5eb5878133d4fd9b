"""Operators with weights, pooling and what reads neighbours."""

from typing import Any

import numpy as np

from .arithmetic import Converter, same
from .quantized import turned
from .rearranging import flat_int64
from .writing import Operation, sizes


def _window(op: Operation) -> dict[str, Any]:
    """Return strides, dilations and borders under ONNX's names."""
    found = op.attributes
    rule = str(found.get("auto_pad", "explicit")).lower()
    window: dict[str, Any] = {"strides": [int(size) for size in found["strides"]]}
    if any(int(size) != 1 for size in found.get("dilations", [])):
        window["dilations"] = [int(size) for size in found["dilations"]]
    if rule in ("same_upper", "same_lower", "valid"):
        window["auto_pad"] = rule.upper()
    else:
        window["pads"] = [int(n) for side in ("begin", "end") for n in found[f"pads_{side}"]]
    return window


def _folded_weights(op: Operation) -> tuple[str, int]:
    """Return weights [groups * out, in, ...] for [groups, out, in, ...], and the groups."""
    shape = op.shape(1)
    if shape is None or None in shape:
        raise op.refused("weights of known shape", f"{shape}")
    known = [size for size in shape if size is not None]
    # transposed convolutions have the inputs first: [groups, in, out, ...]
    joined = [known[0] * known[1], *known[2:]]
    if op.known(1) is not None or op.name(1) in op.writer.quantized:
        return turned(op, 1, joined, None), known[0]
    return op.add("Reshape", [op.name(1), op.value(joined, np.int64)]), known[0]


def convolution(op: Operation) -> str:
    """Convert a convolution, which may get a bias from what is added to it."""
    window, groups = _window(op), None
    weights = op.name(1) if op.kind == "Convolution" else ""
    if op.kind == "GroupConvolution":
        weights, groups = _folded_weights(op)
    shape = op.shape(1)
    assert shape is not None
    spatial = shape[2 if groups is None else 3 :]
    name: str = op.add(
        "Conv",
        [op.name(0), weights],
        group=groups,
        kernel_shape=None if None in spatial else [int(size or 0) for size in spatial],
        **window,
    )
    op.writer.unbiased[name] = op.writer.nodes[-1]
    return name


def add(op: Operation) -> str:
    """Add; a constant for each channel becomes the bias of a convolution that only this uses."""
    for index in (0, 1):
        node = op.writer.unbiased.get(op.name(index))
        source, bias = op.node.input_value(index), op.known(1 - index)
        shape = sizes(source.get_partial_shape())
        if node is None or bias is None or shape is None or shape[1] is None:
            continue
        wanted = (1, shape[1], *([1] * (len(shape) - 2)))
        is_line = (1,) * (len(wanted) - bias.ndim) + bias.shape == wanted
        users = [target.get_node().get_type_name() for target in source.get_target_inputs()]
        if is_line and sum(user != "ShapeOf" for user in users) == 1:
            name = op.writer.constant(bias.reshape(shape[1]), f"{op.node.get_friendly_name()}.bias")
            node.input.append(name)
            return op.name(index)
    return same(op)


def transposed_convolution(op: Operation) -> str:
    """Convert a convolution that goes from outputs to inputs."""
    window, groups = _window(op), None
    weights = op.name(1)
    if op.kind == "GroupConvolutionBackpropData":
        weights, groups = _folded_weights(op)
    extra = [int(size) for size in op.attributes.get("output_padding", [])]
    wanted = None
    if op.count > 2:
        wanted = [int(size) for size in op.constant(2, "sizes").ravel()]
        if "pads" in window:
            raise op.refused("sizes, or borders", "both")
    return str(
        op.add(
            "ConvTranspose",
            [op.name(0), weights],
            group=groups,
            output_padding=extra if any(extra) else None,
            output_shape=wanted,
            **window,
        )
    )


def matmul(op: Operation) -> str:
    """Multiply matrices; weights are turned around here, not at every call."""
    names = []
    for index, flag in enumerate(("transpose_a", "transpose_b")):
        rank = op.rank(index)
        order = [*range(rank - 2), rank - 1, rank - 2]
        if not op.attributes.get(flag) or rank < 2:
            names.append(op.name(index))
        elif op.known(index) is not None or op.name(index) in op.writer.quantized:
            names.append(turned(op, index, None, order))
        else:
            names.append(op.add("Transpose", [op.name(index)], perm=order))
    return str(op.add("MatMul", names))


def average_pool(op: Operation) -> str:
    """Average over windows."""
    found = op.attributes
    rounding = str(found.get("rounding_type", "floor")).lower()
    if any(int(size) != 1 for size in found.get("dilations", [])):
        raise op.refused("windows without gaps", f"dilations {list(found['dilations'])}")
    if rounding not in ("floor", "ceil", "ceil_torch"):
        raise op.refused("floor or ceil", rounding)
    window = _window(op)
    window.pop("dilations", None)
    return str(
        op.add(
            "AveragePool",
            [op.name(0)],
            kernel_shape=[int(size) for size in found["kernel"]],
            ceil_mode=0 if rounding == "floor" else 1,
            count_include_pad=0 if found["exclude-pad"] else 1,
            **window,
        )
    )


def max_pool(op: Operation) -> list[str]:
    """Take the largest of each window."""
    found = op.attributes
    rounding = str(found.get("rounding_type", "floor")).lower()
    is_asked = op.node.get_output_size() > 1 and op.node.output(1).get_target_inputs()
    if is_asked:
        raise op.refused("the largest elements alone", "their places too")
    name = op.add(
        "MaxPool",
        [op.name(0)],
        kernel_shape=[int(size) for size in found["kernel"]],
        ceil_mode=0 if rounding == "floor" else 1,
        **_window(op),
    )
    return [str(name)]


def adaptive_pool(op: Operation) -> str:
    """Average over as many windows as asked for, of which there must be one."""
    counts = [int(count) for count in op.constant(1, "sizes").ravel()]
    if set(counts) != {1}:
        shape = op.shape(0)
        spatial = () if shape is None else shape[2:]
        if None in spatial or any(int(s or 0) % n for s, n in zip(spatial, counts, strict=True)):
            raise op.refused("windows of one size", f"{counts} of {list(spatial)}")
        window = [int(s or 0) // n for s, n in zip(spatial, counts, strict=True)]
        return str(op.add("AveragePool", [op.name(0)], kernel_shape=window, strides=window))
    return str(op.add("GlobalAveragePool", [op.name(0)]))


def interpolate(op: Operation) -> str:
    """Resize pictures."""
    found = op.attributes
    mode = {"nearest": "nearest", "linear_onnx": "linear", "cubic": "cubic", "linear": "linear"}
    kind = mode.get(str(found["mode"]).lower())
    has_pads = any(int(n) for side in ("begin", "end") for n in found[f"pads_{side}"])
    if kind is None or found.get("antialias") or has_pads:
        raise op.refused("nearest, linear or cubic without border", f"{found['mode']}")
    version = op.node.get_type_info().version_id
    by_scales = str(found["shape_calculation_mode"]).lower() == "scales"
    index = (2 if by_scales else 1) if version == "opset4" else 1
    where = 3 if version == "opset4" else 2
    rank = op.rank(0)
    axes = list(range(rank))
    if op.count > where:
        axes = [int(axis) % rank for axis in op.constant(where, "axes").ravel()]
    given = op.name(index) if by_scales else flat_int64(op, index)
    ones = op.value([1], np.float32)
    shape = op.add("Shape", [op.name(0)])
    parts = []
    for axis in range(rank):
        if axis in axes:
            place = op.value([axes.index(axis)], np.int64)
            parts.append(op.add("Gather", [given, place]))
        else:
            kept = op.add("Gather", [shape, op.value([axis], np.int64)])
            parts.append(ones if by_scales else kept)
    whole = op.add("Concat", parts, axis=0)
    inputs = [op.name(0), "", whole] if by_scales else [op.name(0), "", "", whole]
    return str(
        op.add(
            "Resize",
            inputs,
            mode=kind,
            coordinate_transformation_mode=_places(op, kind),
            nearest_mode=str(found["nearest_mode"]).lower() if kind == "nearest" else None,
            cubic_coeff_a=float(found["cube_coeff"]) if kind == "cubic" else None,
        )
    )


def _places(op: Operation, kind: str) -> str:
    rule = str(op.attributes["coordinate_transformation_mode"]).lower()
    if rule == "tf_half_pixel_for_nn":
        if kind != "nearest":
            raise op.refused("tf_half_pixel_for_nn of nearest neighbours", kind)
        return rule
    if rule == "simple":
        raise op.refused("coordinates as ONNX counts them", rule)
    return rule


def grid_sample(op: Operation) -> str:
    """Read a picture at given places."""
    found = op.attributes
    mode = str(found["mode"]).lower()
    return str(
        op.add(
            "GridSample",
            op.names,
            align_corners=int(bool(found["align_corners"])),
            mode={"bilinear": "bilinear", "nearest": "nearest", "bicubic": "bicubic"}[mode],
            padding_mode=str(found["padding_mode"]).lower(),
        )
    )


def einsum(op: Operation) -> str:
    """Convert a sum over named dimensions."""
    return str(op.add("Einsum", op.names, equation=str(op.attributes["equation"])))


def attention(op: Operation) -> str:
    """Return softmax(q k^T * scale + mask) v."""
    if op.attributes.get("causal"):
        raise op.refused("a mask that is given", "a causal one")
    rank, shape = op.rank(1), op.shape(0)
    turned = op.add("Transpose", [op.name(1)], perm=[*range(rank - 2), rank - 1, rank - 2])
    scores = op.add("MatMul", [op.name(0), turned])
    width = None if shape is None else shape[-1]
    if op.count > 4:
        scores = op.add("Mul", [scores, op.name(4)])
    elif width is None:
        raise op.refused("a known width", "an open one")
    else:
        scores = op.add("Mul", [scores, op.like(width**-0.5)])
    if op.count > 3:
        mask = op.name(3)
        if op.type(3) == "boolean":
            mask = op.add("Where", [mask, op.like(0), op.like(-np.inf)])
        scores = op.add("Add", [scores, mask])
    return str(op.add("MatMul", [op.add("Softmax", [scores], axis=-1), op.name(2)]))


LAYERS: dict[str, Converter] = {
    "Add": add,
    "Convolution": convolution, "GroupConvolution": convolution,
    "ConvolutionBackpropData": transposed_convolution,
    "GroupConvolutionBackpropData": transposed_convolution,
    "MatMul": matmul, "AvgPool": average_pool, "MaxPool": max_pool,
    "AdaptiveAvgPool": adaptive_pool, "Interpolate": interpolate, "GridSample": grid_sample,
    "Einsum": einsum, "ScaledDotProductAttention": attention,
}  # fmt: skip

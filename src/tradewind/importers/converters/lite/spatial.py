"""Operators on images: their channels come first in ONNX."""

from typing import Any

from ai_edge_litert import schema_py_generated as schema

from .elementwise import Step, finish, result_name
from .reading import Operator
from .shaping import known
from .writing import TO_FIRST, Writer


def _padding(
    writer: Writer, source: int, kernel: tuple[int, int], stride: tuple[int, int], options: Any
) -> dict[str, Any]:
    """Return the attributes that pad as TensorFlow does: more at the end where it is uneven."""
    if options.padding == schema.Padding.VALID:
        return {"pads": [0, 0, 0, 0]}
    sizes = writer.tensor(source).shape[1:3]
    if min(sizes) < 0:
        return {"auto_pad": "SAME_UPPER"}
    before, after = [], []
    for size, width, step in zip(sizes, kernel, stride, strict=True):
        total = max((-(-size // step) - 1) * step + width - size, 0)
        before.append(total // 2)
        after.append(total - total // 2)
    return {"pads": before + after}


def _convolution(writer: Writer, operator: Operator) -> None:
    source, kernel = operator.inputs[:2]
    weights = writer.tensor(kernel)
    options = operator.options
    height, width = weights.shape[1:3]
    strides = (int(options.strideH), int(options.strideW))
    dilations = (int(options.dilationHFactor or 1), int(options.dilationWFactor or 1))
    extent = ((height - 1) * dilations[0] + 1, (width - 1) * dilations[1] + 1)
    channels = writer.tensor(source).shape[3]
    if operator.code == "CONV_2D":
        groups, order = channels // weights.shape[3], TO_FIRST  # [out, H, W, in / groups]
    else:
        groups, order = channels, (3, 0, 1, 2)  # [1, H, W, out]
    inputs = [writer.real(source, "first"), writer.weights(kernel, order)]
    if operator.input(2) >= 0:
        inputs.append(writer.real(operator.input(2)))
    value = writer.node(
        "Conv",
        inputs,
        result_name(writer, operator, "first"),
        kernel_shape=[height, width],
        strides=strides,
        dilations=dilations,
        group=groups,
        **_padding(writer, source, extent, strides, options),
    )
    finish(writer, operator, value, "first")


def _transposed_convolution(writer: Writer, operator: Operator) -> None:
    _, kernel, source = operator.inputs[:3]
    options, (output,) = operator.options, operator.outputs
    weights = writer.tensor(kernel)  # [out, H, W, in]
    strides = (int(options.strideH), int(options.strideW))
    before, after, extra = [], [], []
    for axis, stride in zip((1, 2), strides, strict=True):
        small, large = writer.tensor(source).shape[axis], writer.tensor(output).shape[axis]
        if min(small, large) < 0:
            raise ValueError("TRANSPOSE_CONV of a fixed size", "one of any size", "")
        total = (small - 1) * stride + weights.shape[axis] - large
        before.append(max(total, 0) // 2)
        after.append(max(total, 0) - max(total, 0) // 2)
        extra.append(max(-total, 0))
    inputs = [writer.real(source, "first"), writer.weights(kernel, (3, 0, 1, 2))]
    if operator.input(3) >= 0:
        inputs.append(writer.real(operator.input(3)))
    value = writer.node(
        "ConvTranspose",
        inputs,
        result_name(writer, operator, "first"),
        kernel_shape=list(weights.shape[1:3]),
        strides=strides,
        pads=before + after,
        output_padding=extra,
    )
    finish(writer, operator, value, "first")


def _pool(op: str, **attributes: Any) -> Step:
    def step(writer: Writer, operator: Operator) -> None:
        (source,), options = operator.inputs, operator.options
        kernel = (int(options.filterHeight), int(options.filterWidth))
        strides = (int(options.strideH), int(options.strideW))
        value = writer.node(
            op,
            [writer.real(source, "first")],
            result_name(writer, operator, "first"),
            kernel_shape=kernel,
            strides=strides,
            **_padding(writer, source, kernel, strides, options),
            **attributes,
        )
        finish(writer, operator, value, "first")

    return step


def _pad(writer: Writer, operator: Operator) -> None:
    source, amounts = operator.inputs[:2]
    (output,) = operator.outputs
    layout = writer.layout([source])
    pads = known(writer, amounts, "padding")  # [rank, 2]
    pads = pads[list(TO_FIRST)] if layout == "first" else pads
    inputs = [writer.real(source, layout), writer.integers(pads.T.reshape(-1).tolist())]
    mode = "constant"
    if operator.code == "MIRROR_PAD":
        is_reflected = operator.options.mode == schema.MirrorPadMode.REFLECT
        mode = "reflect" if is_reflected else "symmetric"
    elif operator.input(2) >= 0:
        inputs.append(writer.node("Squeeze", [writer.real(operator.input(2))]))
    if mode == "symmetric":
        raise ValueError("MIRROR_PAD that leaves the edge out", "one that repeats it", "")
    value = writer.node("Pad", inputs, writer.output_name(output, layout), mode=mode)
    writer.put(output, value, layout)


def _resize(writer: Writer, operator: Operator) -> None:
    source, size = operator.inputs
    (output,), options = operator.outputs, operator.options
    is_linear = operator.code == "RESIZE_BILINEAR"
    mode = "asymmetric"
    nearest = "floor"
    if options.alignCorners:
        mode, nearest = "align_corners", "round_prefer_ceil"
    elif options.halfPixelCenters:
        mode, nearest = "half_pixel", "round_prefer_ceil"
    image = writer.real(source, "first")
    target = writer.integers([int(n) for n in known(writer, size, "a size")])
    kept = writer.node("Slice", [writer.node("Shape", [image]), *map(writer.integers, ([0], [2]))])
    sizes = writer.node("Concat", [kept, target], axis=0)
    value = writer.node(
        "Resize",
        [image, "", "", sizes],
        writer.output_name(output, "first"),
        mode="linear" if is_linear else "nearest",
        coordinate_transformation_mode=mode,
        nearest_mode=nearest,
    )
    writer.put(output, value, "first")


def _depth_to_space(writer: Writer, operator: Operator) -> None:
    (source,), (output,) = operator.inputs, operator.outputs
    size = int(operator.options.blockSize)
    op = "DepthToSpace" if operator.code == "DEPTH_TO_SPACE" else "SpaceToDepth"
    name = writer.output_name(output, "first")
    writer.put(
        output, writer.node(op, [writer.real(source, "first")], name, blocksize=size), "first"
    )


def _space_to_batch(writer: Writer, operator: Operator) -> None:
    source, blocks, amounts = operator.inputs
    (output,) = operator.outputs
    high, wide = known(writer, blocks, "a block").tolist()
    pads = known(writer, amounts, "padding")
    _, height, width, depth = writer.tensor(source).shape
    full = [0, *pads[:, 0].tolist(), 0, 0, *pads[:, 1].tolist(), 0]
    value = writer.node("Pad", [writer.real(source), writer.integers(full)])
    rows, columns = (height + pads[0].sum()) // high, (width + pads[1].sum()) // wide
    value = writer.node("Reshape", [value, _sizes(writer, [-1, rows, high, columns, wide, depth])])
    value = writer.node("Transpose", [value], perm=(2, 4, 0, 1, 3, 5))
    inputs = [value, _sizes(writer, [-1, rows, columns, depth])]
    writer.put(output, writer.node("Reshape", inputs, writer.output_name(output)))


def _batch_to_space(writer: Writer, operator: Operator) -> None:
    source, blocks, amounts = operator.inputs
    (output,) = operator.outputs
    high, wide = known(writer, blocks, "a block").tolist()
    crops = known(writer, amounts, "crops")
    _, height, width, depth = writer.tensor(source).shape
    inputs = [writer.real(source), _sizes(writer, [high, wide, -1, height, width, depth])]
    value = writer.node("Transpose", [writer.node("Reshape", inputs)], perm=(2, 3, 0, 4, 1, 5))
    value = writer.node(
        "Reshape", [value, _sizes(writer, [-1, height * high, width * wide, depth])]
    )
    ends = [height * high - int(crops[0, 1]), width * wide - int(crops[1, 1])]
    limits = [writer.integers(numbers) for numbers in (crops[:, 0].tolist(), ends, [1, 2])]
    writer.put(output, writer.node("Slice", [value, *limits], writer.output_name(output)))


def _sizes(writer: Writer, sizes: list[Any]) -> str:
    """Return a shape all but one of whose sizes are known.

    Raises:
        ValueError: an image may have any size.
    """
    if sum(size < 0 for size in sizes) > 1:
        raise ValueError("images of a fixed size", "some of any size", "")
    return writer.integers([int(size) for size in sizes])


OPERATORS: dict[str, Step] = {
    "AVERAGE_POOL_2D": _pool("AveragePool", count_include_pad=0),
    "BATCH_TO_SPACE_ND": _batch_to_space,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "DEPTH_TO_SPACE": _depth_to_space,
    "MAX_POOL_2D": _pool("MaxPool"),
    "MIRROR_PAD": _pad,
    "PAD": _pad,
    "PADV2": _pad,
    "RESIZE_BILINEAR": _resize,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "SPACE_TO_BATCH_ND": _space_to_batch,
    "SPACE_TO_DEPTH": _depth_to_space,
    "TRANSPOSE_CONV": _transposed_convolution,
}

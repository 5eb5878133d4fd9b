"""What OpenVINO 2026.4 answers wrongly."""

import onnx_ir as ir

from tradewind.engines.known_wrong import (
    KnownWrong,
    has_input,
    is_constant,
    number,
    numbers,
    word,
)

NEWEST_OPSET = 24
"""What later versions of ONNX added to an operator is not looked at."""

_UNSIGNED = (ir.DataType.UINT8, ir.DataType.UINT16, ir.DataType.UINT32, ir.DataType.UINT64)


def _shifts_signed(node: ir.Node) -> bool:
    value = node.inputs[0] if node.inputs else None
    return value is None or value.dtype not in _UNSIGNED


def _may_end_in_the_padding(node: ir.Node) -> bool:
    """Say whether a window of a pooling that rounds up could begin behind the input.

    ceil((in + before + after - window) / step) steps lead less than `step` beyond the last window
    that fits, so that it begins inside if window >= step + after.
    """
    kernel = numbers(node, "kernel_shape")
    count = len(kernel)
    steps = numbers(node, "strides") or [1] * count
    spread = numbers(node, "dilations") or [1] * count
    after = numbers(node, "pads")[count:] or [0] * count
    return bool(number(node, "ceil_mode")) and any(
        (size - 1) * gap + 1 < step + pad
        for size, gap, step, pad in zip(kernel, spread, steps, after, strict=False)
    )


OPENVINO_WRONG: tuple[KnownWrong, ...] = (
    KnownWrong(
        ("Attention",),
        lambda node: bool(number(node, "is_causal")) and has_input(node, 3) and has_input(node, 4),
        "a causal one with a mask and a past, whose past it masks too",
    ),
    KnownWrong(
        ("AveragePool",),
        lambda node: bool(number(node, "ceil_mode") and number(node, "count_include_pad")),
        "`ceil_mode` with `count_include_pad`, whose last windows it divides by another number",
    ),
    KnownWrong(
        ("AveragePool", "LpPool", "MaxPool"),
        _may_end_in_the_padding,
        "`ceil_mode` with steps so large that it adds a window which begins behind the input",
    ),
    KnownWrong(("BitShift",), _shifts_signed, "one of signed integers, shifted without the sign"),
    KnownWrong(
        ("ConvTranspose",),
        lambda node: word(node, "auto_pad").startswith("SAME") or "output_shape" in node.attributes,
        "`output_shape` or `auto_pad='SAME_...'`, which it pads in another way",
    ),
    KnownWrong(
        ("DFT",),
        lambda node: bool(number(node, "onesided")) or has_input(node, 2),
        "one that is one-sided, or over a given axis, which it does not look at",
    ),
    KnownWrong(
        ("GRU", "LSTM", "RNN"),
        lambda node: bool(number(node, "layout")),
        "`layout=1`, which it does not look at",
    ),
    KnownWrong(("LSTM",), lambda node: has_input(node, 7), "peepholes, which it leaves out"),
    KnownWrong(
        ("ReduceL1", "ReduceLogSum", "ReduceLogSumExp"),
        lambda node: "axes" in node.attributes,
        "axes in an attribute, which it does not look at in opset 13 to 17",
        range(13, 18),
    ),
    KnownWrong(
        ("Resize",),
        lambda node: (
            bool(number(node, "antialias") or number(node, "exclude_outside"))
            or word(node, "keep_aspect_ratio_policy", "stretch") != "stretch"
        ),
        "`antialias`, `exclude_outside` or `keep_aspect_ratio_policy`, which it does not look at",
    ),
    KnownWrong(
        ("RoiAlign",),
        lambda node: word(node, "mode", "avg") == "max",
        "`mode='max'`, which interpolates before the maximum",
    ),
    KnownWrong(
        ("Tile",), lambda node: not is_constant(node, 1), "repeats that are known only when asked"
    ),
)

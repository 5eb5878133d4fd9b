"""What OpenVINO 2026.4 answers wrongly."""

import onnx_ir as ir

from tradewind.engines.known_wrong import (
    KnownWrong,
    has_input,
    is_constant,
    number,
    word,
)

NEWEST_OPSET = 24
"""What later versions of ONNX added to an operator is not looked at."""

_UNSIGNED = (ir.DataType.UINT8, ir.DataType.UINT16, ir.DataType.UINT32, ir.DataType.UINT64)


def _shifts_signed(node: ir.Node) -> bool:
    value = node.inputs[0] if node.inputs else None
    return value is None or value.dtype not in _UNSIGNED


OPENVINO_WRONG: tuple[KnownWrong, ...] = (
    KnownWrong(
        ("Attention",),
        lambda node: bool(number(node, "is_causal")) and has_input(node, 3) and has_input(node, 4),
        "a causal one with a mask and a past, whose past it masks too",
    ),
    KnownWrong(("BitShift",), _shifts_signed, "one of signed integers, shifted without the sign"),
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

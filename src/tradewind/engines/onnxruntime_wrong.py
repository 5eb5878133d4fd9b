"""What ONNX Runtime 1.31 answers wrongly."""

from tradewind.engines.known_wrong import KnownWrong, has_input, has_output, number

_MASKED = 2
"""Of Attention's scores: those behind the mask, before they become shares."""

ONNX_RUNTIME_WRONG: tuple[KnownWrong, ...] = (
    KnownWrong(
        ("Attention",),
        lambda node: (
            bool(number(node, "is_causal"))
            and has_input(node, 3)
            and has_output(node, 3)
            and number(node, "qk_matmul_output_mode") == _MASKED
        ),
        "a causal one whose scores are asked for behind its mask, where it hands out the lowest "
        "float instead of minus infinity",
    ),
    KnownWrong(
        ("MaxUnpool",),
        lambda node: has_input(node, 2),
        "one with an output shape, whose indices it takes for those of a smaller output",
    ),
)

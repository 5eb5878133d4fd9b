"""What ONNX Runtime 1.31 answers wrongly."""

from tradewind.engines.known_wrong import KnownWrong, has_input, has_output, number

ONNX_RUNTIME_WRONG: tuple[KnownWrong, ...] = (
    KnownWrong(
        ("Attention",),
        lambda node: bool(number(node, "is_causal")) and has_input(node, 3) and has_output(node, 3),
        "a causal one with a mask whose scores are asked for, where it hands out the lowest float "
        "instead of minus infinity",
    ),
    KnownWrong(
        ("MaxUnpool",),
        lambda node: has_input(node, 2),
        "one with an output shape, whose indices it takes for those of a smaller output",
    ),
)

"""Recurrent layers."""

import numpy as np

from .arithmetic import Converter
from .writing import Array, Operation

_ACTIVATIONS = {
    "sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "hardsigmoid": "HardSigmoid",
    "softsign": "Softsign",
}  # fmt: skip

_LSTM_ORDER = (1, 3, 0, 2)
"""ONNX's gates, input, output, forget and cell, among OpenVINO's forget, input, cell, output."""


def _reordered(weights: Array, gates: tuple[int, ...]) -> Array:
    """Return weights [directions, gates * hidden, ...] in another order of gates."""
    parts = np.split(weights, len(gates), axis=1)
    return np.concatenate([parts[gate] for gate in gates], axis=1)


def _weights(op: Operation, start: int, *, is_cell: bool) -> list[str]:
    """Return the names of W, R and B as ONNX wants them."""
    arrays = [op.constant(start + index, "weights") for index in range(3)]
    w, r, b = (array[None] if is_cell else array for array in arrays)
    if op.kind.startswith("LSTM"):
        w, r, b = (_reordered(array, _LSTM_ORDER) for array in (w, r, b))
    if op.kind.startswith("GRU") and op.attributes.get("linear_before_reset"):
        # the last gate has two biases, of which one is reset
        z, reset, own, recurrent = np.split(b, 4, axis=1)
        none = np.zeros_like(z)
        b = np.concatenate([z, reset, own, none, none, recurrent], axis=1)
    else:
        b = np.concatenate([b, np.zeros_like(b)], axis=1)
    return [
        op.writer.constant(array, f"{op.node.get_friendly_name()}.weights") for array in (w, r, b)
    ]


def _settings(op: Operation) -> dict[str, object]:
    found = op.attributes
    direction = str(found.get("direction", "forward")).lower()
    names = [_ACTIVATIONS.get(str(name).lower()) for name in found["activations"]]
    if None in names:
        raise op.refused(f"one of {', '.join(_ACTIVATIONS)}", str(found["activations"]))
    if len(found.get("activations_alpha", [])) or len(found.get("activations_beta", [])):
        raise op.refused("activations at their defaults", "parameters of their own")
    clip = float(found.get("clip", 0.0))
    return {
        "hidden_size": int(found["hidden_size"]),
        "direction": direction,
        "activations": names * (2 if direction == "bidirectional" else 1),
        "clip": clip if clip else None,
        "linear_before_reset": int(bool(found["linear_before_reset"]))
        if op.kind.startswith("GRU")
        else None,
    }


def _lengths(op: Operation, index: int) -> str:
    """Return the name of the lengths of the sequences; nothing where all are whole."""
    known, shape = op.known(index), op.shape(0)
    whole = None if shape is None else shape[1]
    if known is not None and whole is not None and (known == whole).all():
        return ""
    return op.value(known, np.int32) if known is not None else op.cast(op.name(index), "i32")


def sequence(op: Operation) -> list[str]:
    """Convert a layer over whole sequences, examples first."""
    kind = op.kind.removesuffix("Sequence")
    has_cell = kind == "LSTM"
    states = [op.add("Transpose", [op.name(i)], perm=[1, 0, 2]) for i in range(1, 2 + has_cell)]
    after = 2 + has_cell
    lengths = _lengths(op, after)
    x = op.add("Transpose", [op.name(0)], perm=[1, 0, 2])
    weights = _weights(op, after + 1, is_cell=False)
    outputs = op.add(kind, [x, *weights, lengths, *states], 2 + has_cell, **_settings(op))
    # [time, directions, batch, hidden] becomes [batch, directions, time, hidden]
    found = [op.add("Transpose", [outputs[0]], perm=[2, 1, 0, 3])]
    return found + [op.add("Transpose", [state], perm=[1, 0, 2]) for state in outputs[1:]]


def cell(op: Operation) -> list[str]:
    """Convert one step of a recurrent layer."""
    kind = op.kind.removesuffix("Cell")
    has_cell = kind == "LSTM"
    first = op.value([0], np.int64)
    names = [op.add("Unsqueeze", [op.name(i), first]) for i in range(2 + has_cell)]
    weights = _weights(op, 2 + has_cell, is_cell=True)
    outputs = op.add(kind, [names[0], *weights, "", *names[1:]], 2 + has_cell, **_settings(op))
    return [op.add("Squeeze", [state, first]) for state in outputs[1:]]


SEQUENCES: dict[str, Converter] = {
    "LSTMSequence": sequence, "GRUSequence": sequence, "RNNSequence": sequence,
    "LSTMCell": cell, "GRUCell": cell, "RNNCell": cell,
}  # fmt: skip

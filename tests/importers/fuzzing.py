"""Damages ONNX files at random and imports them; stops at the first that does not end well.

python -m tests.importers.fuzzing SEED SECONDS FOLDER FILE...

A file ends well as a model, or in a ModelError, within `LIMIT_S`. What did not is left in FOLDER
as `damaged.onnx`, also when the process died of it.
"""

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx

from tradewind.errors import ModelError
from tradewind.importers import load_model

LIMIT_S = 20

Damage = Callable[[bytes, np.random.Generator], bytes]


def main(seed: int, seconds: float, folder: Path, files: list[Path]) -> None:
    """Import damaged copies of the files until the time is over."""
    random = np.random.default_rng(seed)
    contents = [path.read_bytes() for path in files]
    path = folder / "damaged.onnx"
    signal.signal(signal.SIGALRM, _give_up)
    end = time.monotonic() + seconds
    models = refused = 0
    while time.monotonic() < end:
        content = contents[int(random.integers(len(contents)))]
        damage = DAMAGES[int(random.integers(len(DAMAGES)))]
        path.write_bytes(damage(content, random))
        signal.alarm(LIMIT_S)
        try:
            load_model(path)
            models += 1
        except ModelError as error:
            refused += bool(error.got)  # it says something
        signal.alarm(0)
    path.unlink()
    print(f"{models} models, {refused} refused")


def _give_up(number: int, frame: object) -> None:
    raise TimeoutError(f"an import took more than {LIMIT_S} s")


def flip_bits(content: bytes, random: np.random.Generator) -> bytes:
    """Flip a few bits."""
    damaged = bytearray(content)
    for position in random.integers(0, len(damaged), random.integers(1, 9)):
        damaged[position] ^= 1 << int(random.integers(8))
    return bytes(damaged)


def cut(content: bytes, random: np.random.Generator) -> bytes:
    """Leave a part out."""
    start, end = sorted(random.integers(0, len(content), 2))
    return content[:start] + content[end:]


def repeat(content: bytes, random: np.random.Generator) -> bytes:
    """Insert a part of the file somewhere else."""
    start, at = random.integers(0, len(content), 2)
    piece = content[start : start + int(random.integers(1, 500))]
    return content[:at] + piece + content[at:]


def overwrite(content: bytes, random: np.random.Generator) -> bytes:
    """Write bytes that mean much to protocol buffers over others."""
    at = int(random.integers(len(content)))
    telling = [b"\xff" * 9 + b"\x01", b"\x00", b"\x7f", b"\xff\xff\xff\xff\x07", b"\x80" * 10]
    piece = telling[int(random.integers(len(telling)))]
    return content[:at] + piece + content[at + len(piece) :]


def change_graph(content: bytes, random: np.random.Generator) -> bytes:
    """Change one thing about a node, a tensor or a stamp, so that the file stays readable."""
    proto = onnx.load_model_from_string(content)
    nodes, weights = proto.graph.node, proto.graph.initializer
    node, other = (nodes[int(random.integers(len(nodes)))] for _ in range(2))
    huge = int(random.choice([-1, 0, 2**31, 2**62]))
    match int(random.integers(9)):
        case 0:
            node.op_type = other.op_type
        case 1 if node.input and other.output:
            node.input[0] = other.output[0]
        case 2 if node.attribute:
            attribute = node.attribute[int(random.integers(len(node.attribute)))]
            attribute.type = int(random.integers(0, 15))
        case 3 if node.attribute:
            attribute = node.attribute[int(random.integers(len(node.attribute)))]
            attribute.ints[:] = [huge] * len(attribute.ints)
            attribute.i = huge
        case 4 if weights:
            weights[int(random.integers(len(weights)))].dims.append(huge)
        case 5 if weights:
            weights[int(random.integers(len(weights)))].data_type = int(random.integers(0, 30))
        case 6:
            proto.opset_import[0].version = int(random.integers(0, 30))
        case 7:
            for value in (*proto.graph.output, *proto.graph.input):
                value.ClearField("type")
        case _:
            del nodes[int(random.integers(len(nodes)))]
    changed: bytes = proto.SerializeToString()
    return changed


DAMAGES: tuple[Damage, ...] = (flip_bits, cut, repeat, overwrite, change_graph, change_graph)

if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]), list(map(Path, sys.argv[4:])))

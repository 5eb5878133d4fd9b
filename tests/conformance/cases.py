"""The tests that the ONNX package ships: small models with inputs and the answers expected."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from tradewind.tensors import Array

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
SETS = ("node", "simple", "pytorch-converted", "pytorch-operator", "light")
"""The data sets of the standard; `node` is made from code when it is asked for."""


@dataclass(frozen=True)
class Example:
    """Inputs and expected outputs in the order of the graph; what is no tensor is None."""

    inputs: tuple[Array | None, ...]
    outputs: tuple[Array | None, ...]


@dataclass(frozen=True)
class StandardCase:
    """One model of the standard with its examples."""

    name: str
    set: str
    proto: onnx.ModelProto
    examples: tuple[Example, ...]

    @property
    def operators(self) -> tuple[str, ...]:
        """The kinds of nodes in the graph, sorted."""
        return tuple(sorted({node.op_type for node in self.proto.graph.node}))


def load_cases() -> Iterator[StandardCase]:
    """Yield every case of the installed ONNX package."""
    yield from _node_cases()
    for name in SETS[1:-1]:
        for folder in sorted((DATA / name).iterdir()):
            if (folder / "model.onnx").exists():
                yield _folder_case(folder, name)
    for path in sorted((DATA / "light").glob("*.onnx")):
        yield _light_case(path)


def _node_cases() -> Iterator[StandardCase]:
    from onnx.backend.test.loader import load_node_model_tests

    with warnings.catch_warnings():  # numpy's, about the infinities that some cases are about
        warnings.simplefilter("ignore")
        tests = load_node_model_tests()
    for test in tests:
        assert test.model is not None
        assert test.data_sets is not None
        examples = tuple(Example(_arrays(given), _arrays(out)) for given, out in test.data_sets)
        yield StandardCase(test.name, "node", test.model, examples)


def _folder_case(folder: Path, name: str) -> StandardCase:
    proto = onnx.load(folder / "model.onnx")
    examples = tuple(
        Example(
            _stored(data, "input", proto.graph.input), _stored(data, "output", proto.graph.output)
        )
        for data in sorted(folder.glob("test_data_set_*"))
    )
    return StandardCase(folder.name, name, proto, examples)


def _light_case(path: Path) -> StandardCase:
    """Return a network whose weights are all alike, asked with the ramp that ONNX asks it with."""
    proto = onnx.load(path)
    weights = {tensor.name for tensor in proto.graph.initializer}
    inputs = []
    for value in proto.graph.input:
        if value.name not in weights:
            shape = [size.dim_value or 1 for size in value.type.tensor_type.shape.dim]
            count = int(np.prod(shape))
            inputs.append((np.arange(count) / count).reshape(shape).astype(np.float32))
    content = path.with_name(f"{path.stem}_output_0.pb").read_bytes()
    output = numpy_helper.to_array(onnx.load_tensor_from_string(content))
    return StandardCase(f"test_{path.stem}", "light", proto, (Example(tuple(inputs), (output,)),))


def _stored(folder: Path, kind: str, values: Sequence[onnx.ValueInfoProto]) -> tuple[Any, ...]:
    found: list[Array | None] = []
    for index in range(len(list(folder.glob(f"{kind}_*.pb")))):
        content = (folder / f"{kind}_{index}.pb").read_bytes()
        is_tensor = values[index].type.HasField("tensor_type")
        tensor = onnx.load_tensor_from_string(content) if is_tensor else None
        found.append(None if tensor is None else numpy_helper.to_array(tensor))
    return tuple(found)


def _arrays(values: Sequence[Any]) -> tuple[Array | None, ...]:
    return tuple(_array(value) for value in values)


def _array(value: Any) -> Array | None:
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, np.ndarray):
        return value.astype(object) if value.dtype.kind == "U" else value
    return np.asarray(value) if isinstance(value, np.generic) else None

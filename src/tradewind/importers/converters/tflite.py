"""TensorFlow Lite files, converted here and answered for by the LiteRT interpreter."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from .lite.converting import convert as converted
from .lite.hybrid import hybrid_weights, with_real_weights
from .lite.reading import LiteFile, read
from .lite.writing import FIRST, TO_FIRST

Arrays = dict[str, Any]

PLAIN = "plain kernels: "
"""Put before an output's name to ask what the slow kernels answer, which others are made after."""


def convert(
    request: dict[str, Any], target: Path
) -> tuple[dict[str, Any], Callable[[Arrays, list[str]], Arrays]]:
    """Write the graph; return what is known of it, with the interpreter's answers."""
    content = Path(request["path"]).read_bytes()
    _interpreter(content)  # verifies the structure, which reading relies on
    file = read(content)
    is_hybrid = any(hybrid_weights(graph) for graph in file.graphs)
    if is_hybrid:
        content = with_real_weights(content, file)
    reference = Reference(content, file)
    onnx.save(converted(file, free_batch=reference.takes_batches()), target)
    notes = {"quantized": _quantized_outputs(file), "is_hybrid": is_hybrid}
    return notes, reference.answer


def _interpreter(content: bytes, **settings: Any) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # keeping all tensors is what is wanted
            interpreter = Interpreter(model_content=content, num_threads=1, **settings)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        lines = str(error).strip().splitlines() or [""]
        hint = "the file is damaged, or needs operators that the interpreter does not have."
        raise ValueError("a file that LiteRT can run", lines[0], hint) from error
    return interpreter


def _quantized_outputs(file: LiteFile) -> list[str]:
    graph = file.graphs[0]
    return [
        name
        for name, index in zip(file.output_names, graph.outputs, strict=True)
        if graph.tensors[index].quantization is not None and graph.tensors[index].dtype.kind != "f"
    ]


class Reference:
    """The interpreter, asked for answers.

    Args:
        content: the file.
        file: what was read from it.
    """

    def __init__(self, content: bytes, file: LiteFile) -> None:
        self._content = content
        self._file = file
        self._interpreter = _interpreter(content)

    def takes_batches(self) -> bool:
        """Whether the interpreter runs with two examples where the file leaves sizes open."""
        graph = self._file.graphs[0]
        inputs, outputs = (
            [graph.tensors[index] for index in indices] for indices in (graph.inputs, graph.outputs)
        )
        if all(min(tensor.shape, default=1) >= 0 for tensor in inputs):
            return False
        twice = {
            name: np.zeros([2 if size < 0 else size for size in tensor.shape], tensor.dtype)
            for name, tensor in zip(self._file.input_names, inputs, strict=True)
        }
        try:
            found = self._run(_interpreter(self._content), twice)
        except (ValueError, RuntimeError):
            return False
        return all(
            len(value) == 2
            for value, tensor in zip(found, outputs, strict=True)
            if tensor.rank and tensor.shape[0] < 0
        )

    def answer(self, inputs: Arrays, inside: list[str]) -> Arrays:
        """Return the outputs, with those tensors inside that are asked for and known."""
        names = self._file.output_names
        found = dict(zip(names, self._run(self._interpreter, inputs), strict=True))
        if any(name.startswith(PLAIN) for name in inside):
            plain = _interpreter(
                self._content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
            )
            values = self._run(plain, inputs)
            found |= {PLAIN + name: value for name, value in zip(names, values, strict=True)}
        elif inside:
            found = self._inner(inputs, inside) | found
        return found

    def _inner(self, inputs: Arrays, inside: list[str]) -> Arrays:
        watched = _interpreter(self._content, experimental_preserve_all_tensors=True)
        self._run(watched, inputs)
        tensors = {tensor.name: tensor for tensor in self._file.graphs[0].tensors}
        found = {}
        for name in inside:
            tensor = tensors.get(name.removesuffix(FIRST))
            if tensor is None:
                continue
            try:
                value = watched.get_tensor(tensor.index)
            except ValueError:  # one that the interpreter does not keep
                continue
            found[name] = value.transpose(TO_FIRST) if name.endswith(FIRST) else value
        return found

    def _run(self, interpreter: Any, inputs: Arrays) -> list[Any]:
        graph = self._file.graphs[0]
        given = [(i, inputs[n]) for n, i in zip(self._file.input_names, graph.inputs, strict=True)]
        for index, array in given:
            interpreter.resize_tensor_input(index, array.shape)
        interpreter.allocate_tensors()
        interpreter.reset_all_variables()  # every sequence begins anew
        for index, array in given:
            interpreter.set_tensor(index, array)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in graph.outputs]

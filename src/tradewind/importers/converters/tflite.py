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
"""Asks for the outputs of the slow kernels too, under their names with this before them."""


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
    onnx.save(converted(file, reference.output_shapes()), target)
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


def _plain_interpreter(content: bytes) -> Any:
    """Return an interpreter with kernels that others are made after, as far as there are any."""
    try:
        return _interpreter(content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    except ValueError:
        kind = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        return _interpreter(content, experimental_op_resolver_type=kind)


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

    def output_shapes(self) -> list[tuple[int, ...]] | None:
        """Return the outputs' shapes where the number of examples may vary, -1 in its place.

        None where the interpreter itself does not run with two examples, or more than their number
        is left open.
        """
        graph = self._file.graphs[0]
        shapes = [graph.tensors[index].shape for index in graph.inputs]
        if not all(shape and shape[0] < 0 <= min(shape[1:], default=0) for shape in shapes):
            return None
        twice = {
            name: np.zeros([2, *graph.tensors[index].shape[1:]], graph.tensors[index].dtype)
            for name, index in zip(self._file.input_names, graph.inputs, strict=True)
        }
        try:
            found = self._run(_interpreter(self._content), twice)
        except (ValueError, RuntimeError):
            return None
        free = [-1 if graph.tensors[index].shape[:1] == (-1,) else 2 for index in graph.outputs]
        if any(
            value.shape[:1] != (2,) for value, size in zip(found, free, strict=True) if size < 0
        ):
            return None
        return [
            (size, *value.shape[1:]) if size < 0 else value.shape
            for value, size in zip(found, free, strict=True)
        ]

    def answer(self, inputs: Arrays, inside: list[str]) -> Arrays:
        """Return the outputs, with those tensors inside that are asked for and known."""
        names = self._file.output_names
        found = dict(zip(names, self._run(self._interpreter, inputs), strict=True))
        if PLAIN in inside:
            values = self._run(_plain_interpreter(self._content), inputs)
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

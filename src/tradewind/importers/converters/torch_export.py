"""From a torch module to an ONNX file whose batch is as free as the module lets it be.

It runs where torch is: in a child, or in the process that holds the module.
"""

import inspect
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

Arrays = dict[str, Any]
Answer = Callable[[Arrays, list[str]], Arrays]
Free = dict[str, dict[int, str]]
"""By input and axis, the name of a size that may vary."""

BATCH = "batch"
MODULE_HINT = "export it to ONNX where its code is, and give the `.onnx` file."


@dataclass(frozen=True)
class Source:
    """A module with what is needed to ask and to export it.

    Args:
        module: what is exported; it takes the inputs one after the other.
        example: inputs that it answers, by name.
        original: what is asked for the right answer; usually the module itself.
        free: sizes besides the batch that may vary.
        batch: what the number of examples is called.
    """

    module: Any
    example: dict[str, Any]
    original: Callable[..., Any]
    free: Free
    batch: str = BATCH


def export(source: Source, target: Path, *, is_fixed: bool) -> tuple[dict[str, Any], Answer]:
    """Write an ONNX file with as many free sizes as the module allows.

    The first dimension is taken to count examples when all inputs share it. It stays free when
    the traced program answers one and three examples as the module does.

    Args:
        source: what to export.
        target: the file to write.
        is_fixed: leave the number of examples as it is in the example.

    Returns:
        Notes, and the function that answers as the original does. The notes hold `fixed`, which
        says what may not vary and why, and is empty where all that was asked for may.

    Raises:
        ValueError: it cannot be exported.
    """
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        outputs = named_outputs(_asked(source.original, source.example))
        if not outputs:
            raise refusal("a module that returns tensors", "none", "return a tensor.")
        program, names, why = _traced(source, is_fixed)
        found = _converted(program, list(source.example), list(outputs))
        _name_sizes(found, names)
        found.save(target, external_data=False)
    inner = found.exported_program.module(check_guards=False)
    return {"fixed": why}, _answers(source.original, inner)


def named_outputs(result: Any) -> dict[str, Any]:
    """Return the tensors in what a module returned, by names that tell where they were."""
    leaves, _ = torch.utils._pytree.tree_flatten_with_path(result)
    found: dict[str, Any] = {}
    for path, value in leaves:
        if isinstance(value, torch.Tensor):
            parts = [_part(key) for key in path]
            if not parts or isinstance(parts[0], int):
                parts.insert(0, "output")
            name = re.sub(r"\W", "_", "_".join(map(str, parts)))
            found[name if name not in found else f"{name}_{len(found)}"] = value
    return found


def _part(key: Any) -> Any:
    """Return the index, key or attribute that a step into a structure takes."""
    return next(getattr(key, kind) for kind in ("idx", "key", "name") if hasattr(key, kind))


def refusal(expected: str, got: str, hint: str) -> ValueError:
    """Return the error that is told to the user as it is."""
    return ValueError(expected, got, hint)


def input_names(forward: Callable[..., Any], count: int) -> list[str]:
    """Return how `forward` calls its first `count` arguments.

    Raises:
        ValueError: it takes fewer.
    """
    names = []
    for parameter in inspect.signature(forward).parameters.values():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
        elif parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}_{i}" for i in range(count - len(names))]
    if len(names) < count:
        got = f"{count} example inputs"
        raise refusal(f"inputs for forward({', '.join(names)})", got, "leave the rest out.")
    return names[:count]


class _Flat(torch.nn.Module):  # type: ignore[misc]
    """A module that returns its tensors one after the other."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *values: Any) -> tuple[Any, ...]:
        return tuple(named_outputs(self.inner(*values)).values())


def _asked(function: Callable[..., Any], inputs: dict[str, Any]) -> Any:
    try:
        return function(*inputs.values())
    except Exception as error:
        shapes = ", ".join(f"{name}{list(value.shape)}" for name, value in inputs.items())
        hint = "give other example inputs."
        raise refusal(f"a module that answers {shapes}", _line(error), hint) from error


def _traced(source: Source, is_fixed: bool) -> tuple[Any, dict[str, str], str]:
    """Return the freest program that answers right, names of its sizes, and what is fixed."""
    why = "with others it answered otherwise" if is_fixed else _no_batch(source.example)
    named = ", ".join(sorted({name for axes in source.free.values() for name in axes.values()}))
    tries = [] if why else [(True, source.free, "")]
    if named:
        tries += [] if why else [(True, {}, f"{named} may not vary")]
        tries += [(False, source.free, "the number of examples may not vary")]
    tries += [
        (False, {}, ", ".join(filter(None, ["the number of examples", named])) + " may not vary")
    ]
    for has_batch, asked, fixed in tries:
        free = {
            name: {**({0: source.batch} if has_batch else {}), **asked.get(name, {})}
            for name in source.example
        }
        count = max(2, _count(source.example)) if has_batch else 0
        try:
            program = _program(
                source.module, _rows(source.example, count) if count else source.example, free
            )
            names = _sizes(program, free)
            if has_batch:
                _check_rows(source, program)
        except Exception as error:  # torch raises dozens of classes, some of them internal
            why = _line(error)
        else:
            return program, names, fixed and f"{fixed}: {why}"
    raise refusal("a module that torch.export can trace", why, MODULE_HINT)


def _program(module: Any, example: dict[str, Any], free: Free) -> Any:
    auto = torch.export.Dim.AUTO
    shapes = tuple(dict.fromkeys(free.get(name, {}), auto) for name in example)
    flat = _Flat(module)
    return torch.export.export(
        flat, tuple(example.values()), dynamic_shapes=(shapes,), strict=False
    )


def _sizes(program: Any, free: Free) -> dict[str, str]:
    """Return our name for each of the program's symbols; raise where a size is not free."""
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    values = [nodes[name].meta["val"] for name in program.graph_signature.user_inputs]
    found = {}
    for axes, value in zip(free.values(), values, strict=False):
        for axis, name in axes.items():
            if str(value.shape[axis]).isdigit():
                raise RuntimeError(f"the module insists on size {value.shape[axis]} of {name}")
            found[str(value.shape[axis])] = name
    return found


def _check_rows(source: Source, program: Any) -> None:
    """Raise unless the program answers for one and three examples as the original does."""
    module = program.module(check_guards=False)
    for count in (1, 3):
        example = _rows(source.example, count)
        wanted = list(named_outputs(source.original(*example.values())).values())
        got = module(*example.values())
        for one, other in zip(got, wanted, strict=True):
            if one.shape != other.shape or not _close(one, other):
                raise RuntimeError(f"the traced program answers {count} examples otherwise")


def _close(one: Any, other: Any) -> bool:
    return bool(torch.allclose(one.double(), other.double(), 1e-3, 1e-4, equal_nan=True))


def _no_batch(example: dict[str, Any]) -> str:
    if any(not value.ndim for value in example.values()):
        return "an input is a single number"
    if len({len(value) for value in example.values()}) > 1:
        return "the inputs do not share their first dimension"
    return ""


def _count(example: dict[str, Any]) -> int:
    return len(next(iter(example.values())))


def _rows(example: dict[str, Any], count: int) -> dict[str, Any]:
    """Return the example with another number of rows, repeated in turn."""
    return {name: value[torch.arange(count) % len(value)] for name, value in example.items()}


def _converted(program: Any, inputs: list[str], outputs: list[str]) -> Any:
    try:
        found = torch.onnx.export(
            program, dynamo=True, verbose=False, input_names=inputs, output_names=outputs
        )
    except Exception as error:
        causes = [error, error.__cause__]
        got = _line(next(cause for cause in reversed(causes) if cause is not None))
        expected = "operators that torch can write as ONNX"
        raise refusal(expected, got, "replace the operator that it names.") from error
    for value in list(found.model.graph.initializers.values()):
        value.name = re.sub(r"^(inner\.)+", "", value.name)
    return found


def _name_sizes(found: Any, names: dict[str, str]) -> None:
    """Call the symbols of torch what they count."""
    if not names:
        return
    pattern = re.compile(r"\b(" + "|".join(map(re.escape, names)) + r")\b")

    def named(size: Any) -> Any:
        if isinstance(size, int) or size.value is None:
            return size
        return pattern.sub(lambda match: names[match.group()], str(size.value))

    graph = found.model.graph
    for value in (*graph.inputs, *(out for node in graph for out in node.outputs)):
        if value.shape is not None:
            value.shape = type(value.shape)([named(size) for size in value.shape])


def _answers(original: Callable[..., Any], program: Any) -> Answer:
    def answer(inputs: Arrays, inside: list[str]) -> Arrays:
        values = [torch.from_numpy(np.array(array)) for array in inputs.values()]
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            found = {name: _array(v) for name, v in named_outputs(original(*values)).items()}
            inner = _Recorder(program, set(inside)).recorded(values) if inside else {}
        return inner | found

    return answer


class _Recorder(torch.fx.Interpreter):  # type: ignore[misc]
    """Runs a traced program and keeps what nodes of some names computed."""

    def __init__(self, program: Any, wanted: set[str]) -> None:
        super().__init__(program)
        self._wanted = wanted
        self._seen: Arrays = {}

    def recorded(self, values: list[Any]) -> Arrays:
        self.run(*values)
        return self._seen

    def run_node(self, n: Any) -> Any:
        found = super().run_node(n)
        if n.name in self._wanted and isinstance(found, torch.Tensor):
            self._seen[n.name] = _array(found)
        return found


def _array(value: Any) -> Any:
    value = value.detach().cpu()
    return (value.float() if value.dtype is torch.bfloat16 else value).numpy()


def _line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}"[:300] if lines else type(error).__name__

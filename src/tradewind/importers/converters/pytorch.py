"""PyTorch models from files and factories.

The request holds `kind` (exported, script or factory), `is_fixed`, `inputs` ([name, numpy dtype,
shape] with names for sizes that may vary) and, by kind,

- exported, script: `path` of the file
- factory: `factory` as `module:function`, `folder` to find the module in, `weights` or None
"""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from .torch_export import Answer, Arrays, Free, Source, export, input_names, refusal
from .torch_weights import load_weights

Spec = tuple[str, str, list[Any]]
_FREE = 5
"""The size of a dimension that may vary, where an example is made up."""


def convert(request: dict[str, Any], target: Path) -> tuple[dict[str, Any], Answer]:
    """Export the model that the request names; `child.py` says what comes back."""
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"  # no pickle is run, whoever calls torch.load
    torch.set_num_threads(1)
    torch.manual_seed(0)
    make = {"exported": _exported, "script": _script, "factory": _factory, "pickled": _pickled}
    source = make[request["kind"]](request)
    notes, answer = export(source, target, is_fixed=request["is_fixed"])
    return {**notes, "ranges": _ranges(source.example)}, answer


def convert_object(
    model: Any, given: Any, specs: list[Spec], target: Path, is_fixed: bool
) -> tuple[dict[str, Any], Answer]:
    """Export a module or program in memory; its mode is as before when this is done.

    Args:
        model: a `torch.nn.Module` or a `torch.export.ExportedProgram`.
        given: example inputs, a tuple of tensors or some by name; None where there are specs.
        specs: what it takes, where no example is given.
        target: the file to write.
        is_fixed: leave the number of examples as it is in the example.
    """
    if isinstance(model, torch.export.ExportedProgram):
        source = _program_source(model)
    else:
        source = _module_source(model, given, specs, type(model).__name__)
    with _evaluating(model):
        notes, answer = export(source, target, is_fixed=is_fixed)

    def asked(inputs: Arrays, inside: list[str]) -> Arrays:
        with _evaluating(model):
            return answer(inputs, inside)

    return {**notes, "ranges": _ranges(source.example)}, asked


@contextlib.contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Let a module answer as it does in use; afterwards it trains where it did before."""
    parts = list(model.modules()) if isinstance(model, torch.nn.Module) else []
    training = [part for part in parts if part.training]
    try:
        for part in training:
            part.training = False
        yield
    finally:
        for part in training:
            part.training = True


def _ranges(example: dict[str, Any]) -> dict[str, list[float]]:
    """Return the values that the inputs took in the example: beyond may be no token, no pixel."""
    return {
        name: [float(value.min()), float(value.max())]
        for name, value in example.items()
        if value.numel() and value.dtype is not torch.bool and value.min() < value.max()
    }


def _program_source(program: Any) -> Any:
    """Return what a `torch.export.ExportedProgram` gives to export."""
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    entries = list(program.graph_signature.user_inputs)
    leaves = torch.utils._pytree.tree_leaves(program.example_inputs)
    if len(leaves) != len(entries):  # it was saved without an example
        leaves = entries
    example, free = {}, {}
    for i, name in enumerate(entries):
        value = nodes[name].meta["val"] if isinstance(name, str) and name in nodes else None
        if isinstance(value, torch.Tensor):
            example[name] = leaves[i] if isinstance(leaves[i], torch.Tensor) else _made_of(value)
            free[name] = {
                axis: "batch" if not axis else f"{name}_{axis}"
                for axis, size in enumerate(value.shape)
                if not isinstance(size, int)
            }
            leaves[i] = None
    module = _Filled(program, leaves)
    has_batch = any(0 in axes for axes in free.values())
    original = module if has_batch else _in_turn(module, list(example.values()))
    return Source(module, example, original, free)


class _Filled(torch.nn.Module):  # type: ignore[misc]
    """A program that takes its tensors one after the other, however they were handed over.

    Args:
        program: what is asked.
        leaves: all that it takes, with None in the places of tensors.
    """

    def __init__(self, program: Any, leaves: list[Any]) -> None:
        super().__init__()
        self.inner = program.module(check_guards=False)
        self._leaves = leaves
        self._spec = program.call_spec.in_spec

    def forward(self, *values: Any) -> Any:
        given = iter(values)
        leaves = [next(given) if leaf is None else leaf for leaf in self._leaves]
        positional, by_name = torch.utils._pytree.tree_unflatten(leaves, self._spec)
        return self.inner(*positional, **by_name)


def _exported(request: dict[str, Any]) -> Any:
    return _program_source(torch.export.load(request["path"]))


def _script(request: dict[str, Any]) -> Any:
    from torch._export.converter import TS2EPConverter

    # not Python's pickle: this reader makes tensors and objects of TorchScript, nothing else
    script = torch.jit.load(request["path"], map_location="cpu", _restore_shapes=True).eval()
    names = [argument.name for argument in script.forward.schema.arguments[1:]]
    example, free = _example(request["inputs"])
    if not example:
        example = _traced_example(script, names)
    else:
        example, free = _ordered(example, free, names)
    program = TS2EPConverter(script, tuple(example.values())).convert()
    module = program.module(check_guards=False)
    return Source(module, example, script, free)


def _traced_example(script: Any, names: list[str]) -> dict[str, Any]:
    """Return inputs like those that a script was traced with, which its graph knows."""
    example = {}
    for name, value in zip(names, list(script.graph.inputs())[1:], strict=True):
        sizes = value.type().sizes() if isinstance(value.type(), torch._C.TensorType) else None
        if sizes is None:
            raise _no_example(f"forward({', '.join(names)}), which was not traced")
        example[name] = _drawn(sizes, value.type().dtype())
    return example


def _factory(request: dict[str, Any]) -> Any:
    module_name, _, name = request["factory"].partition(":")
    sys.path.insert(0, request["folder"])
    code = importlib.import_module(module_name)
    module = getattr(code, name)()
    if not isinstance(module, torch.nn.Module):
        got = f"{type(module).__name__}"
        raise refusal(f"a torch.nn.Module from {name}()", got, "return the model.")
    if request["weights"] is not None:
        load_weights(module, Path(request["weights"]))
    function = getattr(code, "example_inputs", None)
    given = None if function is None or request["inputs"] else function()
    return _module_source(module.eval(), given, request["inputs"], module_name)


def _pickled(request: dict[str, Any]) -> Any:
    os.environ.pop("TORCH_FORCE_WEIGHTS_ONLY_LOAD")
    sys.path.insert(0, request["folder"])
    module = torch.load(request["path"], map_location="cpu", weights_only=False)
    if not isinstance(module, torch.nn.Module):
        hint = "give the function that builds the module, and this file as `--weights`."
        raise refusal("a pickled torch.nn.Module", type(module).__name__, hint)
    return _module_source(module.eval(), None, request["inputs"], type(module).__name__)


def _module_source(module: Any, given: Any, specs: list[Spec], where: str) -> Any:
    if given is not None:
        return Source(module, _named(module, given), module, {})
    if not specs:
        raise _no_example(f"nothing that tells what {where} takes")
    example, free = _example(specs)
    names = input_names(module.forward, len(specs))
    example, free = _ordered(example, free, names)
    return Source(module, example, module, free)


def _named(module: Any, given: Any) -> dict[str, Any]:
    """Return example inputs in the order of `forward`, by its names for them.

    Raises:
        ValueError: they are no tensors, or not named as `forward` does.
    """
    if isinstance(given, torch.Tensor):
        given = (given,)
    values = list(given.values()) if isinstance(given, dict) else list(given)
    if not values or not all(isinstance(value, torch.Tensor) for value in values):
        got = ", ".join(type(value).__name__ for value in values) or "none"
        raise refusal("tensors as example inputs", got, "return a tuple or dict of tensors.")
    names = input_names(module.forward, len(values))
    if not isinstance(given, dict):
        return dict(zip(names, values, strict=True))
    if set(names) != set(given):
        got = ", ".join(map(str, given))
        raise refusal(f"inputs named {', '.join(names)}", got, "name them as forward does.")
    return {name: given[name] for name in names}


def _example(specs: list[Spec]) -> tuple[dict[str, Any], Free]:
    """Return tensors as the specs describe them, with the sizes that may vary."""
    example, free = {}, {}
    for name, dtype, shape in specs:
        sizes = [size if isinstance(size, int) else _FREE + i for i, size in enumerate(shape)]
        if shape and not isinstance(shape[0], int):
            sizes[0] = 2
        kind = getattr(torch, dtype)
        example[name] = _drawn(sizes, kind)
        free[name] = {
            axis: size or f"{name}_{axis}"
            for axis, size in enumerate(shape)
            if axis and not isinstance(size, int)
        }
    return example, free


def _drawn(sizes: list[int], kind: Any) -> Any:
    return torch.randn(sizes).to(kind) if kind.is_floating_point else torch.zeros(sizes, dtype=kind)


def _ordered(example: dict[str, Any], free: Free, names: list[str]) -> Any:
    """Return example and free sizes in the order of `names`."""
    if not set(example) <= set(names):
        got = ", ".join(example)
        raise refusal(f"inputs named {', '.join(names)}", got, "name them as forward does.")
    kept = [name for name in names if name in example]
    return {name: example[name] for name in kept}, {name: free[name] for name in kept}


def _no_example(got: str) -> ValueError:
    return refusal(
        "example inputs, for a module does not say what it takes",
        got,
        "describe each with `--input 'NAME=FP32[N,3,32,32]'`, or write `example_inputs()`, which "
        "returns a tuple of tensors, next to the function.",
    )


def _made_of(value: Any) -> Any:
    sizes = [size if isinstance(size, int) else int(size.node.hint or 2) for size in value.shape]
    return _drawn(sizes, value.dtype)


def _in_turn(module: Any, kept: list[Any]) -> Any:
    """Return a function that answers any number of examples by asking for as many as fit."""
    if any(not value.ndim for value in kept) or len({len(value) for value in kept}) > 1:
        return module
    size = len(kept[0])

    def answer(*values: Any) -> Any:
        count = len(values[0])
        rows = torch.arange(-(-count // size) * size).clamp(max=count - 1).reshape(-1, size)
        parts = [module(*(value[chosen] for value in values)) for chosen in rows]
        if len(parts) == 1 and count == size:
            return parts[0]
        flat = [torch.utils._pytree.tree_flatten(part) for part in parts]
        joined = [torch.cat(pieces)[:count] for pieces in zip(*(f[0] for f in flat), strict=True)]
        return torch.utils._pytree.tree_unflatten(joined, flat[0][1])

    return answer

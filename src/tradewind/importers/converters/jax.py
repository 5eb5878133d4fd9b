"""Exported functions of JAX, and functions in memory, by way of StableHLO.

Runs in the environment of JAX; Tradewind is not there.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from .stablehlo.converting import Converter

Arrays = dict[str, Any]
Answer = Callable[[Arrays, list[str]], Arrays]


def convert(request: dict[str, Any], target: Path) -> tuple[dict[str, Any], Answer]:
    """Write the graph of a file of `jax.export`; return a function that answers as JAX does.

    Args:
        request: `path` of the file.
        target: the ONNX file to write.
    """
    from jax import export

    try:
        exported = export.deserialize(bytearray(Path(request["path"]).read_bytes()))
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        got = f"{type(error).__name__}: {(lines or [''])[0]}"
        hint = "export it again with a JAX that is as old, or copy it again if it is cut off."
        raise ValueError("a file of jax.export", got[:300], hint) from error
    proto, answer = convert_exported(exported)
    target.write_bytes(proto.SerializeToString())
    return {}, answer


def convert_exported(exported: Any) -> tuple[onnx.ModelProto, Answer]:
    """Return the graph of an exported function, with a function that answers as it does."""
    proto, names = _written(exported, [], {})
    results = _output_names(exported, names)

    def answer(inputs: Arrays, inside: list[str]) -> Arrays:
        import jax

        given = [inputs[name] for name in names]
        arguments, keywords = jax.tree_util.tree_unflatten(exported.in_tree, given)
        return _answers(results, exported.call(*arguments, **keywords))

    return proto, answer


def convert_function(
    function: Callable[..., Any], params: Any, inputs: Sequence[Any], *, is_free: bool
) -> tuple[onnx.ModelProto, Answer]:
    """Return the graph of a function, with a function that answers as it does.

    Args:
        function: takes `params`, unless they are None, and the inputs.
        params: arrays in dictionaries, lists and tuples.
        inputs: an example of each, or its `jax.ShapeDtypeStruct`.
        is_free: whether the first dimension shall take any number of examples.
    """
    import jax
    from jax import export

    first = () if params is None else (params,)
    given = tuple(_specs(inputs, is_free=is_free))
    exported = export.export(jax.jit(function))(*first, *given)
    weights = [np.asarray(leaf) for leaf in jax.tree_util.tree_leaves(first)]
    names = _named_inputs(function, inputs, skipped=len(first))
    proto, _ = _written(
        exported, [f"weight_{at}" for at in range(len(weights))] + names, dict(enumerate(weights))
    )
    compiled, results = jax.jit(function), _output_names(exported, names)
    tree = jax.tree_util.tree_structure(tuple(inputs))

    def answer(asked: Arrays, inside: list[str]) -> Arrays:
        arguments = jax.tree_util.tree_unflatten(tree, [asked[name] for name in names])
        return _answers(results, compiled(*first, *arguments))

    return proto, answer


def _specs(inputs: Sequence[Any], *, is_free: bool) -> Any:
    """Return the inputs as shapes, the first size as a symbol where it shall be free."""
    import jax
    from jax import export

    known = [size for leaf in jax.tree_util.tree_leaves(tuple(inputs)) for size in leaf.shape]
    scope = next((size.scope for size in known if not isinstance(size, int)), None)
    taken = {str(size) for size in known}
    name = next(name for name in ("N", "batch", "examples") if name not in taken)
    symbol = export.symbolic_shape(name, scope=scope)[0] if is_free else None

    def spec(leaf: Any) -> Any:
        shape = tuple(leaf.shape)
        if symbol is not None and shape and isinstance(shape[0], int):
            shape = (symbol, *shape[1:])
        return jax.ShapeDtypeStruct(shape, leaf.dtype)

    return jax.tree_util.tree_map(spec, tuple(inputs))


def _written(
    exported: Any, names: Sequence[str], weights: dict[int, Any]
) -> tuple[onnx.ModelProto, list[str]]:
    """Return the graph with the names of its arguments, which are found out without `names`."""
    from jax.interpreters import mlir
    from jaxlib.mlir.dialects import stablehlo

    context = mlir.make_ir_context()
    with context:
        module = stablehlo.deserialize_portable_artifact(context, exported.mlir_module_serialized)
        sizes = [
            [None if isinstance(size, int) else _identifier(str(size)) for size in aval.shape]
            for aval in exported.in_avals
        ]
        kept = list(exported.module_kept_var_idx)
        converter = Converter(module)
        called = list(names) or _called(exported, dict(zip(kept, converter.said(), strict=True)))
        proto = converter.convert(
            [called[index] for index in kept],
            _output_names(exported, called),
            {at: weights[index] for at, index in enumerate(kept) if index in weights},
            [sizes[index] for index in kept],
        )
    return proto, called


def _called(exported: Any, said: dict[int, str]) -> list[str]:
    """Return a name for every argument: its keys in dictionaries, else as in the source."""
    keys = _path_names(exported.in_tree, len(exported.in_avals))
    return _unique([key or _identifier(said.get(at, "") or "input") for at, key in enumerate(keys)])


def _identifier(text: str) -> str:
    return re.sub(r"\W+", "_", text).strip("_") or "size"


def _unique(names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        number, free = 1, name
        while free in found:
            number += 1
            free = f"{name}_{number}"
        found.append(free)
    return found


def _path_names(tree: Any, count: int) -> list[str]:
    """Return names from the keys of dictionaries that leaves lie under."""
    import jax

    leaves = jax.tree_util.tree_unflatten(tree, list(range(count)))
    names = [""] * count
    for path, index in jax.tree_util.tree_flatten_with_path(leaves)[0]:
        keys = [str(part.key) for part in path if hasattr(part, "key")]
        names[index] = _identifier("_".join(keys)) if keys else ""
    return names


def _output_names(exported: Any, taken: Sequence[str]) -> list[str]:
    names = _path_names(exported.out_tree, len(exported.out_avals))
    return _unique([*taken, *(name or "output" for name in names)])[len(taken) :]


def _named_inputs(function: Callable[..., Any], inputs: Sequence[Any], skipped: int) -> list[str]:
    """Return the names of the function's own parameters for its inputs."""
    import inspect

    import jax

    try:
        parameters = list(inspect.signature(function).parameters.values())[skipped:]
    except (TypeError, ValueError):
        parameters = []
    names = []
    for index, value in enumerate(inputs):
        known = index < len(parameters) and parameters[index].kind in (0, 1)
        own = parameters[index].name if known else "input"
        for path, _ in jax.tree_util.tree_flatten_with_path(value)[0]:
            keys = [str(part.key) for part in path if hasattr(part, "key")]
            names.append(_identifier("_".join(keys) or own))
    return _unique(names)


def _answers(names: Sequence[str], answer: Any) -> Arrays:
    import jax

    leaves = jax.tree_util.tree_leaves(answer)
    return dict(zip(names, map(np.asarray, leaves), strict=True))

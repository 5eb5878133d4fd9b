"""Functions of JAX that are named as `module:function`, with their parameters from a file.

The request holds `function`, `folder` to find the module in, `weights` or None, `inputs` ([name,
numpy dtype, shape] with names for sizes that may vary; none for those of `example_inputs`),
`is_free` and `trusts_pickle`.
"""

import importlib
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from .jax import Answer, convert_function
from .jax_weights import read_weights

_FREE = 2
"""Examples, where their number may not vary."""


def convert(request: dict[str, Any], target: Path) -> tuple[dict[str, Any], Answer]:
    """Write the graph of the function that the request names; `child.py` says what comes back."""
    module_name, _, name = request["function"].partition(":")
    sys.path.insert(0, request["folder"])
    code = importlib.import_module(module_name)
    function = getattr(code, name, None)
    if not callable(function):
        got = "nothing under that name" if function is None else type(function).__name__
        refusal = ValueError(f"a function {name} in {module_name}", got, "is it spelled so?")
        raise refusal
    all_params: list[Any] = [None]
    if request["weights"] is not None:
        all_params = read_weights(Path(request["weights"]), trusts_pickle=request["trusts_pickle"])
    inputs = _inputs(request, code, function)
    reason: Exception | None = None
    for params in all_params:
        try:
            proto, answer = convert_function(function, params, inputs, is_free=request["is_free"])
        except Exception as error:  # the function raises what its author chose
            reason = reason or error
            continue
        target.write_bytes(proto.SerializeToString())
        return {}, answer
    assert reason is not None
    raise _untraced(reason) from reason


def _untraced(error: Exception) -> ValueError:
    if isinstance(error, ValueError) and len(error.args) == 3:  # a refusal
        return error
    lines = [line for line in str(error).splitlines() if line.strip()]
    got = f"{type(error).__name__}: {(lines or [''])[0]}"
    hint = "does `jax.export.export(jax.jit(function))(params, *inputs)` work?"
    return ValueError("a function that JAX can export", got[:300], hint)


def _inputs(request: dict[str, Any], code: ModuleType, function: Any) -> list[Any]:
    """Return the shapes of what the function takes after its parameters, in its order."""
    skipped = 0 if request["weights"] is None else 1
    names, required, takes_more = _arguments(function, skipped)
    specs = request["inputs"]
    given = _shapes(specs, is_free=request["is_free"]) if specs else _examples(code)
    if not isinstance(given, dict):
        return list(given)
    if takes_more and not names:
        return list(given.values())
    kept = [name for name in names if name in given]
    if len(kept) == len(given) and kept == names[: len(kept)] and set(required) <= set(kept):
        return [given[name] for name in kept]
    if len(required) == 1 and len(given) > 1 and not set(names) & set(given):
        return [given]  # one dictionary
    raise _other_names(given, names, skipped)


def _other_names(given: dict[str, Any], names: list[str], skipped: int) -> ValueError:
    hint = "name them as the function does"
    if not skipped and len(names) > len(given):
        hint += "; where its first argument is for parameters, give them with `--weights`"
    wanted = f"inputs named {', '.join(names) or 'in another way: it takes none'}"
    return ValueError(wanted, ", ".join(given), f"{hint}.")


def _arguments(function: Any, skipped: int) -> tuple[list[str], list[str], bool]:
    """Return the names of arguments, of those that have to be given, and whether more may be."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return [], [], True
    placed = [
        one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    required = [one.name for one in placed[skipped:] if one.default is one.empty]
    takes_more = any(one.kind is one.VAR_POSITIONAL for one in parameters)
    return [one.name for one in placed[skipped:]], required, takes_more


def _examples(code: ModuleType) -> Any:
    """Return what `example_inputs` next to the function says that it takes."""
    make = getattr(code, "example_inputs", None)
    if make is None:
        raise ValueError(
            "what the function takes",
            "nothing that tells",
            "describe each input with `--input 'NAME=FP32[N,3,32,32]'`, or write "
            "`example_inputs()`, which returns a tuple of arrays, next to the function.",
        )
    given = make()
    if hasattr(given, "shape"):
        return (given,)
    return given


def _shapes(specs: list[Any], *, is_free: bool) -> dict[str, Any]:
    """Return shapes as the specs describe them; letters are sizes that may vary."""
    import jax
    import ml_dtypes  # noqa: F401  (numpy knows bfloat16 by its name afterwards)
    import numpy as np
    from jax import export

    scope = export.SymbolicScope()
    found = {}
    for name, dtype, shape in specs:
        sizes = [
            size if isinstance(size, int) or is_free or at else _FREE
            for at, size in enumerate(shape)
        ]
        known = [
            size if isinstance(size, int) else export.symbolic_shape(size, scope=scope)[0]
            for size in sizes
        ]
        found[name] = jax.ShapeDtypeStruct(
            tuple(known), jax.dtypes.canonicalize_dtype(np.dtype(dtype))
        )
    return found

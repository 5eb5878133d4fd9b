"""Examples that a function of the user's own yields."""

import contextlib
import importlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tradewind.data.rows import Rows
from tradewind.data.spool import Spool
from tradewind.errors import DataError
from tradewind.tensors import Array

_NAME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def names_function(source: str) -> bool:
    """Say whether `source` looks like `package.module:function`."""
    return _NAME.fullmatch(source) is not None


def read_function(source: str) -> dict[str, Rows]:
    """Call `package.module:function` once and keep every batch that it yields.

    The function takes nothing and yields mappings of names to arrays, labels among them.
    Modules are also looked for in the current directory.

    Raises:
        DataError: there is no such function, it fails, or its batches differ in their arrays.
    """
    spools: dict[str, Spool] = {}
    with _current_directory_importable():
        try:
            for number, batch in enumerate(_call(source)):
                _append(spools, batch, source, number)
        except BaseException as error:  # whatever the user's code raises
            for spool in spools.values():
                spool.discard()
            if isinstance(error, DataError) or not isinstance(error, Exception):
                raise
            got = f"{type(error).__name__}: {error}"
            raise DataError(source, "batches of examples", got) from error
    return {name: spool.rows() for name, spool in spools.items()}


def _call(source: str) -> Iterable[Any]:
    module_name, _, name = source.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        hint = "run the command where the module lies, or install it."
        raise DataError(source, f"a module {module_name}", str(error), hint) from error
    function: object = getattr(module, name, None)
    if not callable(function):
        raise DataError(source, f"a function {name} in {module_name}", "none of that name")
    batches: object = function()
    if not isinstance(batches, Iterable):
        hint = "write `yield {'input': array, 'label': labels}`."
        raise DataError(source, "batches of examples", type(batches).__name__, hint)
    return batches


def _append(spools: dict[str, Spool], batch: object, source: str, number: int) -> None:
    where = f"{source}: batch {number}"
    if not isinstance(batch, Mapping):
        hint = "write `yield {'input': array, 'label': labels}`."
        raise DataError(where, "a mapping of names to arrays", type(batch).__name__, hint)
    arrays = {str(name): _as_array(value, f"{where}: {name}") for name, value in batch.items()}
    if spools and set(arrays) != set(spools):
        raise DataError(where, f"arrays {', '.join(spools)} as before", ", ".join(arrays))
    lengths = {len(array) for array in arrays.values()}
    if len(lengths) > 1:
        raise DataError(where, "one number of examples in every array", f"{sorted(lengths)}")
    for name, array in arrays.items():
        spool = spools.setdefault(name, Spool(f"{source}: {name}", array.dtype, array.shape[1:]))
        spool.append(array)


def _as_array(value: object, where: str) -> Array:
    array = np.asarray(value)
    if not array.ndim:
        raise DataError(where, "examples along the first axis", "a single value")
    if array.dtype.kind in "SU":  # their width differs from batch to batch
        return array.astype(object)
    if array.dtype == object and not all(isinstance(v, str | bytes) for v in array.flat):
        raise DataError(where, "numbers or strings", "other Python objects")
    # a buffer that the function uses again must not change what is kept
    return array.copy()


@contextlib.contextmanager
def _current_directory_importable() -> Iterator[None]:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)

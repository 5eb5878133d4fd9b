"""Functions of JAX: exported to files, or in memory with their parameters."""

import mmap
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, final

import onnx

from tradewind.errors import ModelError
from tradewind.importers.conversion import Conversion
from tradewind.importers.converters import jax as converter
from tradewind.importers.importer import Importer
from tradewind.importers.metadata import NOTE, add_metadata
from tradewind.importers.named_code import checked_weights, is_of_jax, names_factory, stated
from tradewind.importers.onnx import freeze
from tradewind.importers.original import InMemory, Original
from tradewind.importers.parity import check_parity
from tradewind.importers.probes import probes
from tradewind.importers.token_ids import token_ids
from tradewind.model import MAX_BYTES, Model, Origin
from tradewind.tensors import Array, Tensors

_BYTECODE = b"ML\xefR"
_PRODUCER = b"StableHLO_v"
_FIXED = "the first dimension is as in the example: JAX cannot trace the function for any number."


@final
@dataclass(frozen=True)
class JaxFunction:
    """A function of JAX with what is needed to import it.

    Args:
        function: takes the parameters, unless there are none, and then the inputs.
        params: arrays in dictionaries, lists and tuples; they become weights.
        inputs: an example of each input, or its `jax.ShapeDtypeStruct`. The first dimension may
            vary afterwards where the function allows it.
    """

    function: Callable[..., Any]
    params: Any
    inputs: Sequence[Any]


@final
@dataclass(frozen=True)
class JaxImporter(Importer):
    """Functions of JAX in every form.

    These are: files of `jax.export`, `package.module:function`, and in memory `JaxFunction` and
    `jax.export.Exported`.

    Args:
        weights: for a named function, the file of its parameters: `.npz`, or safetensors. Where
            names hold dots or slashes, the function may get dictionaries inside of dictionaries.
        inputs: what a named function takes after its parameters, as `TensorSpec`s that are named
            like its arguments; None where a function `example_inputs` next to it returns arrays.
        trusts_pickle: take pickled parameters too, by running what they hold.
    """

    name: ClassVar[str] = "jax"

    weights: Path | None = None
    inputs: Any = None
    trusts_pickle: bool = False

    def matches(self, source: object) -> bool:
        if isinstance(source, Path):
            if names_factory(source):
                return is_of_jax(source, Path.cwd())
            return source.is_file() and _is_exported(source)
        # whoever holds an exported function has imported this module
        module = sys.modules.get("jax.export")
        exported = () if module is None else (module.Exported,)
        return isinstance(source, (JaxFunction, *exported))

    def load(self, source: object) -> Model:
        if isinstance(source, Path) and names_factory(source):
            return self._from_code(source)
        if isinstance(source, Path):
            size_bytes = source.stat().st_size
            if size_bytes > MAX_BYTES:
                raise ModelError(source.name, f"at most {MAX_BYTES} bytes", f"{size_bytes} bytes")
            request = {"path": str(source.absolute())}
            with Conversion.start("jax", "jax", request, source.name) as conversion:
                return _checked(conversion.proto, conversion, source.name)
        if isinstance(source, JaxFunction):
            where = getattr(source.function, "__name__", type(source.function).__name__)
            return _from_function(source, where)
        where = str(getattr(source, "fun_name", "exported function"))
        return _converted(partial(converter.convert_exported, source), where)

    def _from_code(self, source: Path) -> Model:
        """Import a function by its name, with a free number of examples where that works."""
        request = {
            "function": str(source),
            "folder": str(Path.cwd()),
            "weights": None if self.weights is None else str(checked_weights(self.weights)),
            "inputs": stated(self.inputs, source.name),
            "trusts_pickle": self.trusts_pickle,
        }

        def converted(*, is_free: bool) -> Model:
            told = {**request, "is_free": is_free}
            with Conversion.start(
                "jax_code", "jax", told, source.name, must_be_offline=self.trusts_pickle
            ) as found:
                if not is_free:
                    add_metadata(found.proto, NOTE, _FIXED)
                return _checked(found.proto, found, source.name)

        try:
            return converted(is_free=True)
        except ModelError as error:
            try:
                return converted(is_free=False)
            except ModelError:
                raise error from None  # the same reason, and of the better import


def _is_exported(path: Path) -> bool:
    """Whether this is a flat buffer that holds StableHLO in MLIR's bytecode."""
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        root = int.from_bytes(file.read(4), "little")
        if not 4 <= root < min(size_bytes, 2**16) or root % 4:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            start = content.find(_BYTECODE)
            return start > 0 and content.find(_PRODUCER, start, start + 64) > 0


def _from_function(source: JaxFunction, where: str) -> Model:
    """Import with a free number of examples, or else with that of the example."""
    if not source.inputs:
        raise ModelError(where, "an example of every input", "none")
    make = partial(converter.convert_function, source.function, source.params, source.inputs)
    try:
        return _converted(partial(make, is_free=True), where)
    except ModelError as error:
        try:
            return _converted(partial(make, is_free=False), where, note=_FIXED)
        except ModelError:
            raise error from None  # the same reason, and of the better import


def _converted(make: Callable[[], Any], where: str, note: str = "") -> Model:
    try:
        proto, answer = make()
    except ValueError as error:
        if len(error.args) == 3:  # the converter's own refusal
            expected, got, hint = map(str, error.args)
            raise ModelError(where, expected, got, hint) from error
        raise _untraced(where, error) from error
    except Exception as error:  # a function raises what its author chose, JAX what it knows
        raise _untraced(where, error) from error
    if note:
        add_metadata(proto, NOTE, note)
    return _checked(proto, InMemory(partial(_answered, answer)), where)


def _untraced(where: str, error: Exception) -> ModelError:
    lines = [line for line in str(error).splitlines() if line.strip()]
    got = f"{type(error).__name__}: {(lines or [''])[0]}"
    hint = "does `jax.export.export(jax.jit(function))(params, *inputs)` work?"
    return ModelError(where, "a function that JAX can export", got[:300], hint)


def _answered(answer: Any, asked: Tensors) -> dict[str, Array]:
    return dict(answer(dict(asked), []))


def _checked(proto: onnx.ModelProto, original: Original, where: str) -> Model:
    model = freeze(proto, Origin(JaxImporter.name, where))
    asked = probes(model.signature, ranges=token_ids(proto))
    return check_parity(model, original, questions=asked)

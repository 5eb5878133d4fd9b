"""A recurrent model as its clients see it: without what it remembers."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import final

import numpy as np

from tradewind.errors import EngineError, RequestError, SettingError
from tradewind.runners import Runner, Turned
from tradewind.serve.sequences.state import State
from tradewind.tensors import Array, Dimension, Signature, Tensors, TensorSpec, describe, names


@final
class Recurrence:
    """Which tensors of a model are its memory, and what is left for clients to send and to read.

    A sequence is one example after the other: where states count examples, the rows of a request
    are the steps of its sequence, in their order. So they are where a model insists on one example,
    which clients are shown as any number of steps. Everywhere else a request is one step.

    Args:
        signature: of the whole model.
        states: stated by the owner of the model, one or more.

    Raises:
        SettingError: there is no such input or output, they do not fit each other, or nobody can
            tell how large a state is.
    """

    def __init__(self, signature: Signature, states: Sequence[State]) -> None:
        self._states = tuple(states)
        self._whole = signature
        self._pairs = [_pair(signature, state) for state in states]
        inputs, outputs = [one.input for one in states], [one.output for one in states]
        if len(set(inputs)) < len(inputs) or len(set(outputs)) < len(outputs):
            got = ", ".join(f"{one.input}={one.output}" for one in states)
            raise SettingError("state", "each input and each output once", got)
        self.signature = Signature(
            tuple(spec for spec in signature.inputs if spec.name not in inputs),
            tuple(spec for spec in signature.outputs if spec.name not in outputs),
        )
        if not self.signature.inputs or not self.signature.outputs:
            raise SettingError("state", "an input and an output besides the states", "none")
        self._ones = _ones(self.signature, [spec for spec, _ in self._pairs])
        axes = [self._row_axis(spec) for spec, _ in self._pairs]
        counts = any(axis is not None for axis in axes)
        self._has_rows = counts and any(spec.has_free_batch for spec in self.signature.inputs)
        self._axes = axes if self._has_rows else [None] * len(axes)
        if _takes_one(self.signature):
            self.signature, self._has_rows = _stacked(self.signature), True

    @property
    def state_bytes(self) -> int:
        """What one sequence has to be remembered by."""
        return sum(array.nbytes for array in self.start.values())

    @cached_property
    def start(self) -> dict[str, Array]:
        """The states before the first step, one example of each, by the names of the inputs."""
        axes = [axis or 0 for axis in self._axes]
        return {
            name: np.moveaxis(array, axis, 0)
            for (name, array), axis in zip(self._untouched.items(), axes, strict=True)
        }

    def first_step(self, inputs: Tensors) -> dict[str, Array]:
        """Return what goes into the whole model for a request with which a sequence begins."""
        row = {name: array[:1] if name in self._rowed else array for name, array in inputs.items()}
        return {**(row if self._has_rows else inputs), **self._untouched}

    def runner(self, whole: Runner) -> Runner:
        """Return the model with its states turned so that their first size counts examples."""
        axes: dict[str, int] = {}
        for (given, taken), axis in zip(self._pairs, self._axes, strict=True):
            if axis:
                axes |= {given.name: axis, taken.name: axis}
        return Turned(whole, axes) if axes else whole

    def steps(self, inputs: Tensors) -> list[dict[str, Array]]:
        """Return what goes in at each step of a request.

        Raises:
            RequestError: the inputs disagree on how many there are, or there are several where
                the answers to them could not be told apart.
        """
        for name, axis in self._ones:
            if inputs[name].shape[axis] != 1:
                got = str(inputs[name].shape[axis])
                raise RequestError(f"{name}.shape[{axis}]", "1, as a sequence is one example", got)
        if not self._has_rows:
            return [dict(inputs)]
        counts = {len(inputs[name]) for name in self._rowed}
        if len(counts) > 1:
            raise RequestError("inputs", "one number of steps", f"{sorted(counts)}")
        count = counts.pop()
        if count != 1 and not self._answers_have_rows:
            hint = "the outputs of this model do not count examples."
            raise RequestError("inputs", "one step", str(count), hint)
        return [
            {
                name: array[index : index + 1] if name in self._rowed else array
                for name, array in inputs.items()
            }
            for index in range(count)
        ]

    def split(self, outputs: Tensors) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return what a client is told, and the states that go into the next step.

        Raises:
            EngineError: a state has another size than before, or a step has several answers.
        """
        told = {spec.name: outputs[spec.name] for spec in self.signature.outputs}
        for name, array in told.items() if self._has_rows and self._answers_have_rows else ():
            if len(array) != 1:
                raise EngineError(name, "one row for one step", f"shape {list(array.shape)}")
        states = {}
        for state in self._states:
            array, before = outputs[state.output], self.start[state.input]
            if array.shape != before.shape:
                got = f"shape {list(array.shape)}"
                raise EngineError(state.output, f"shape {list(before.shape)}, as it began", got)
            states[state.input] = array.copy()  # a view would hold the whole batch
        return told, states

    def join(self, told: Sequence[Tensors]) -> dict[str, Array]:
        """Return the answers to the steps of one request as one: a row for each."""
        if len(told) == 1:
            return dict(told[0])
        if told:
            return {name: np.concatenate([one[name] for one in told]) for name in told[0]}
        return {
            spec.name: np.zeros([max(size, 0) for size in spec.open_shape], spec.datatype.numpy)
            for spec in self.signature.outputs
        }

    @cached_property
    def _answers_have_rows(self) -> bool:
        """Whether every answer has a row for each step."""
        return all(spec.has_free_batch for spec in self.signature.outputs)

    @cached_property
    def _untouched(self) -> dict[str, Array]:
        """The states before the first step, as the whole model takes them."""
        found = {}
        for state, (spec, _) in zip(self._states, self._pairs, strict=True):
            shape = [size if isinstance(size, int) else 1 for size in spec.shape]
            found[spec.name] = np.full(shape, state.start).astype(spec.datatype.numpy)
        return found

    @cached_property
    def _rowed(self) -> frozenset[str]:
        """The inputs with a row for each step."""
        return frozenset(spec.name for spec in self.signature.inputs if spec.has_free_batch)

    def _row_axis(self, spec: TensorSpec) -> int | None:
        """Return where a state counts examples; None where it does not."""
        if spec.has_free_batch:
            return 0
        counted = {one.shape[0] for one in self.signature.inputs if one.has_free_batch}
        for axis, size in enumerate(spec.shape):
            if isinstance(size, str) and size in counted:
                return axis
        return None


def _pair(signature: Signature, state: State) -> tuple[TensorSpec, TensorSpec]:
    """Return the input and the output that are one state."""
    given = next((one for one in signature.inputs if one.name == state.input), None)
    taken = next((one for one in signature.outputs if one.name == state.output), None)
    if given is None or taken is None:
        where, known = (
            ("input", signature.inputs) if given is None else ("output", signature.outputs)
        )
        got = state.input if given is None else state.output
        raise SettingError(f"state.{where}", f"one of {names(known)}", got, suggest(signature))
    if given.datatype is not taken.datatype or not _fits(given.shape, taken.shape):
        raise SettingError(
            f"state {state.input}={state.output}",
            describe(given.datatype, given.shape),
            describe(taken.datatype, taken.shape),
            suggest(signature),
        )
    if given.datatype.numpy.kind == "O":
        raise SettingError(f"state {state.input}", "numbers", "strings")
    return given, taken


def _takes_one(signature: Signature) -> bool:
    """Say whether a model insists on one example of what it takes and gives."""
    counting = [spec for spec in signature.inputs if spec.shape[:1] == (1,)]
    is_alone = not any(spec.has_free_batch for spec in signature.inputs)
    return bool(counting) and is_alone and all(map(_counts, signature.outputs))


def _counts(spec: TensorSpec) -> bool:
    return spec.has_free_batch or spec.shape[:1] == (1,)


def _stacked(signature: Signature) -> Signature:
    """Return such a signature with any number of steps in place of the one example."""

    def opened(spec: TensorSpec) -> TensorSpec:
        return replace(spec, shape=("steps", *spec.shape[1:])) if _counts(spec) else spec

    return Signature(tuple(map(opened, signature.inputs)), tuple(map(opened, signature.outputs)))


def _fits(one: Sequence[Dimension], other: Sequence[Dimension]) -> bool:
    return len(one) == len(other) and all(
        a == b or not (isinstance(a, int) and isinstance(b, int))
        for a, b in zip(one, other, strict=True)
    )


def suggest(signature: Signature) -> str:
    """Return a hint with the states that names, types and shapes leave no doubt about."""
    found = []
    for given in signature.inputs:
        alike = [
            taken
            for taken in signature.outputs
            if _stem(taken.name) == _stem(given.name) != given.name
            and replace(taken, name=given.name) == given
        ]
        if len(alike) == 1:
            found.append(f"{given.name}={alike[0].name}")
    return f"it looks as if {' and '.join(found)} were meant." if found else ""


def _stem(name: str) -> str:
    """Return a name without the word that says in or out."""
    for sign in ("_input", "_output", "_prev", "_next", "_in", "_out", "_new", ".in", ".out"):
        name = name.removesuffix(sign)
    for sign in ("input_", "output_", "in_", "out_", "prev_", "next_", "new_"):
        name = name.removeprefix(sign)
    return name


def _ones(signature: Signature, states: Sequence[TensorSpec]) -> list[tuple[str, int]]:
    """Return where the inputs of a request count the examples that states count, too.

    Raises:
        SettingError: a state has a size that nobody states.
    """
    places = [
        (spec.name, axis, size)
        for spec in signature.inputs
        for axis, size in enumerate(spec.shape)
        if isinstance(size, str)
    ]
    counted = set()
    for spec in states:
        for axis, size in enumerate(spec.shape):
            if isinstance(size, int):
                continue
            if axis and (size is None or all(size != named for _, _, named in places)):
                raise SettingError(
                    f"state {spec.name}",
                    "sizes that are known, or that have the name of a size of another input",
                    describe(spec.datatype, spec.shape),
                    "export the model with the state's size written down.",
                )
            counted.add(size)
    return [(name, axis) for name, axis, size in places if axis > 0 and size in counted]

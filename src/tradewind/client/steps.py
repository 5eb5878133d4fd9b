"""One sequence of a model that remembers, from its first request to its last."""

import contextlib
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import aclosing, closing
from types import TracebackType
from typing import Any, Self, final

import numpy as np

from tradewind.client.asking import Scalar
from tradewind.client.errors import Refused, Unanswered
from tradewind.tensors import Array

Inputs = Mapping[str, Array] | Array
Answers = dict[str, Array]


class _Place:
    """Which sequence it is, and what has been asked of it."""

    def __init__(self) -> None:
        self.id = secrets.token_hex(16)
        self._is_begun = False
        self._last: Inputs | None = None  # None before the first answer, and after the end

    def _parameters(self, given: Mapping[str, Scalar] | None, is_last: bool) -> dict[str, Scalar]:
        told: dict[str, Scalar] = {**(given or {}), "sequence_id": self.id}
        if not self._is_begun:
            told["sequence_start"] = True
        if is_last:
            told["sequence_end"] = True
        return told

    def _note(self, inputs: Inputs, is_last: bool) -> None:
        self._is_begun = not is_last
        self._last = None if is_last else inputs

    def _no_step(self) -> Inputs | None:
        """Return inputs without a row; None where there is no sequence to end."""
        last, self._last = self._last, None
        if last is None:
            return None
        if not isinstance(last, Mapping):
            return _without_rows(last)
        return {name: _without_rows(array) for name, array in last.items()}


@final
class Steps(_Place):
    """Asks a model one step after the other; the server forgets them at the end of the block.

    Args:
        infer: asks the model, as `Client.infer` does.
        stream: likewise, as `Client.stream` does.
    """

    def __init__(
        self,
        infer: Callable[..., Answers],
        stream: Callable[..., Generator[Answers, None, None]],
    ) -> None:
        super().__init__()
        self._infer = infer
        self._stream = stream

    def infer(
        self,
        inputs: Inputs,
        *,
        is_last: bool = False,
        parameters: Mapping[str, Scalar] | None = None,
        **more: Any,
    ) -> Answers:
        """Return what the model answers to the next step, or to one for each row.

        Args:
            inputs: as `Client.infer` takes them.
            is_last: whether the sequence ends with it; the next request begins another one.
            parameters: of the request, besides those of the sequence.
            more: as `Client.infer` takes it.

        Raises:
            Refused: the server gives no answer; the sequence stays where it was.
            Unanswered: there is no server, or it is silent.
        """
        told = self._parameters(parameters, is_last)
        answers = self._infer(inputs, parameters=told, **more)
        self._note(inputs, is_last)
        return answers

    def stream(
        self,
        inputs: Inputs,
        *,
        is_last: bool = False,
        parameters: Mapping[str, Scalar] | None = None,
        **more: Any,
    ) -> Generator[Answers, None, None]:
        """Yield the answer to each row, which is a step, as soon as it is computed.

        Args:
            inputs: as `Client.infer` takes them.
            is_last: whether the sequence ends with the last of them.
            parameters: of the request, besides those of the sequence.
            more: as `Client.stream` takes it.
        """
        told = self._parameters(parameters, is_last)
        with closing(self._stream(inputs, parameters=told, **more)) as answers:
            for answer in answers:
                self._note(inputs, is_last=False)
                yield answer
        self._note(inputs, is_last)

    def end(self) -> None:
        """Have the server forget the sequence; it does so by itself after a while."""
        inputs = self._no_step()
        if inputs is not None:
            told = self._parameters(None, is_last=True)
            self._is_begun = False
            with contextlib.suppress(Refused, Unanswered):
                self._infer(inputs, parameters=told)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()


@final
class AsyncSteps(_Place):
    """Asks a model one step after the other; every method is that of `Steps`.

    Args:
        infer: asks the model, as `AsyncClient.infer` does.
        stream: likewise, as `AsyncClient.stream` does.
    """

    def __init__(
        self,
        infer: Callable[..., Awaitable[Answers]],
        stream: Callable[..., AsyncGenerator[Answers, None]],
    ) -> None:
        super().__init__()
        self._infer = infer
        self._stream = stream

    async def infer(
        self,
        inputs: Inputs,
        *,
        is_last: bool = False,
        parameters: Mapping[str, Scalar] | None = None,
        **more: Any,
    ) -> Answers:
        """Return what the model answers to the next step, or to one for each row."""
        told = self._parameters(parameters, is_last)
        answers = await self._infer(inputs, parameters=told, **more)
        self._note(inputs, is_last)
        return answers

    async def stream(
        self,
        inputs: Inputs,
        *,
        is_last: bool = False,
        parameters: Mapping[str, Scalar] | None = None,
        **more: Any,
    ) -> AsyncGenerator[Answers, None]:
        """Yield the answer to each row, which is a step, as soon as it is computed."""
        told = self._parameters(parameters, is_last)
        async with aclosing(self._stream(inputs, parameters=told, **more)) as answers:
            async for answer in answers:
                self._note(inputs, is_last=False)
                yield answer
        self._note(inputs, is_last)

    async def end(self) -> None:
        """Have the server forget the sequence; it does so by itself after a while."""
        inputs = self._no_step()
        if inputs is not None:
            told = self._parameters(None, is_last=True)
            self._is_begun = False
            with contextlib.suppress(Refused, Unanswered):
                await self._infer(inputs, parameters=told)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.end()


def _without_rows(array: Array) -> Array:
    return np.asarray(array)[:0] if np.ndim(array) else array

"""What every connection begins with, whatever is spoken on it: bytes, and a coroutine for them."""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any

_BUFFER_BYTES = 1 << 18


def receiving_buffer() -> memoryview:
    """Return room for what arrives on any of many connections, until it is looked at.

    It is looked at at once, so that one is enough for all. A new buffer for each read, as
    `asyncio.Protocol` gets, takes the kernel twice as long as the read.
    """
    return memoryview(bytearray(_BUFFER_BYTES))


def begin(
    coroutine: Coroutine[Any, Any, None], then: Callable[[], None]
) -> "asyncio.Task[None] | None":
    """Run a coroutine; return the task that goes on with it, or None when it has ended already.

    Most requests are answered without waiting for anything, and a task would cost as much as all
    the rest of a small one. So a coroutine is begun by hand, and only one that waits is handed to
    a task, which gets what it waits for as if it had asked for it itself.

    Args:
        coroutine: not begun.
        then: called at the end of the task, if there is one.
    """
    try:
        waits_for = coroutine.send(None)
    except StopIteration:
        return None
    return asyncio.get_running_loop().create_task(_go_on(coroutine, waits_for, then))


async def _go_on(
    coroutine: Coroutine[Any, Any, None], waits_for: Any, then: Callable[[], None]
) -> None:
    try:
        await _resume(coroutine, waits_for)
    finally:
        then()


@types.coroutine
def _resume(coroutine: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    while True:
        try:
            sent = yield waits_for
        except BaseException as error:  # cancelled: for the coroutine to decide
            step = partial(coroutine.throw, error)
        else:
            step = partial(coroutine.send, sent)
        try:
            waits_for = step()
        except StopIteration:
            return

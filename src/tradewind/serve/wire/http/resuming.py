"""Going on, as a task, with a coroutine that has begun without one."""

import types
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any


async def go_on(
    coroutine: Coroutine[Any, Any, None], waits_for: Any, then: Callable[[], None]
) -> None:
    """Run the rest of a coroutine.

    Most requests are answered without waiting for anything, and a task would cost as much as all
    the rest of a small one. So a coroutine is begun by hand, and only the one that waits is handed
    to a task, which gets what it waits for as if it had asked for it itself.

    Args:
        coroutine: begun with `send`.
        waits_for: what it yielded.
        then: called at its end.
    """
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

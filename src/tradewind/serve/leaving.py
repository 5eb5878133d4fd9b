"""Leaving the process only after the threads that were not started by Python.

A native thread that wants Python's global lock while the interpreter is going away is ended by
force, which a thread written in Rust or C++ answers by aborting the whole process. Granian's
threads have a moment in which this can happen: they announce that they are done before they are.
"""

import asyncio
import logging
import os
import sys
import threading
from pathlib import Path
from typing import NoReturn

_TASKS = Path("/proc/self/task")
_PATIENCE_S = 1.0
_LOOK_S = 0.005


def native_threads() -> frozenset[int]:
    """Return the threads of this process that Python does not know; none where Linux is not."""
    if not _TASKS.is_dir():
        return frozenset()
    known = {thread.native_id for thread in threading.enumerate()}
    return frozenset(int(task.name) for task in _TASKS.iterdir()) - known


async def await_end_of_others(kept: frozenset[int]) -> None:
    """Wait until no native thread is left besides `kept`, though not for long.

    An engine may have started threads of its own in the meantime; they wait for work, not for
    the lock, and nobody waits for them longer than a second.
    """
    for _ in range(int(_PATIENCE_S / _LOOK_S)):
        if not native_threads() - kept:
            return
        await asyncio.sleep(_LOOK_S)


def leave_at_once() -> NoReturn:
    """End the process with exit code 0 while engines still compute."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)

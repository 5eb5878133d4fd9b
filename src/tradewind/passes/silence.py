"""Other people's output kept away from ours."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Drop what a library prints, logs on the root logger and warns about.

    The quantizers draw progress bars and recommend steps that were taken already; what goes
    wrong arrives as an exception. The whole process is silent meanwhile, so that this belongs
    into a process of its own.
    """
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.CRITICAL)
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(level)

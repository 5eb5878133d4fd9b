"""Leaving the process while engines still compute."""

import logging
import os
import sys
from typing import NoReturn


def leave_at_once() -> NoReturn:
    """End the process with exit code 0: no engine survives the end of the interpreter."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)

"""The threads that oneDAL and OpenVINO share.

Both bring a library of the same name, of which a process loads the first that is asked for. That
of OpenVINO is too old for oneDAL, and that of oneDAL serves both, so it has to come first.
"""

import ctypes
import importlib.metadata
import importlib.util
from contextlib import suppress

_LIBRARY = "libtbb.so.12"


def load_first() -> None:
    """Load the library that comes with oneDAL, where that is installed; else do nothing."""
    if importlib.util.find_spec("daal4py") is None:
        return
    with suppress(importlib.metadata.PackageNotFoundError, OSError):
        for file in importlib.metadata.files("tbb") or ():
            if file.name == _LIBRARY:
                ctypes.CDLL(str(file.locate()))

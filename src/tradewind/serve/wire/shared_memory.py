"""The shared memory extensions, which are off: every path says so."""

import re

from tradewind.serve.refusals import Reason, Refusal

_PATH = re.compile(r"/v2/(system|cuda)sharedmemory(/region/[^/]+)?/(status|register|unregister)")


def refuse_shared_memory(path: str) -> None:
    """Raise when `path` belongs to these extensions.

    Raises:
        Refusal: it does.
    """
    if _PATH.fullmatch(path):
        raise Refusal(
            Reason.UNSUPPORTED,
            path[:200],
            "tensors in the body of a request",
            "a region of shared memory",
            "shared memory is off on this server: send tensors as JSON or as binary data.",
        )

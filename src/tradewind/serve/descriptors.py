"""Room for connections: each takes one of the descriptors that a process may have."""

import logging
import resource

_log = logging.getLogger("tradewind.serve")

_OWN = 256  # files, engines and the like


def make_room(connections: int) -> None:
    """Raise the limit of this process as far as it may, and say so when that is too little.

    Shells set a low one for programs that use `select`, which nothing here does.
    """
    wanted = connections + _OWN
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    able = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (able, hard))
    if able < wanted:
        _log.warning(
            "only about %d connections at once: this process may open %d files (ulimit -Hn)",
            max(0, able - _OWN),
            hard,
        )

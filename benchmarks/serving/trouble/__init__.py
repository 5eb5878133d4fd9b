"""What goes wrong around a server, one kind a file, with what the server promises even then."""

from benchmarks.serving.trouble.connections import HALF_OPEN, IDLE, SLOW_LORIS
from benchmarks.serving.trouble.directory import CORRUPT, MANY_MODELS, RELOAD
from benchmarks.serving.trouble.disk import FULL_DISK
from benchmarks.serving.trouble.ending import KILLED_WORKER, SIGTERM
from benchmarks.serving.trouble.finding import Claim, Fault, Finding, Scale
from benchmarks.serving.trouble.overload import OVERLOAD

FAULTS: tuple[Fault, ...] = (
    OVERLOAD,
    SLOW_LORIS,
    HALF_OPEN,
    IDLE,
    SIGTERM,
    KILLED_WORKER,
    RELOAD,
    CORRUPT,
    MANY_MODELS,
    FULL_DISK,
)
"""All of them."""

__all__ = ["FAULTS", "Claim", "Fault", "Finding", "Scale"]

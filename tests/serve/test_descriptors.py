import subprocess
import sys

from tests.serve.child import ROOT

SCRIPT = """
import resource, sys
from tradewind.serve.descriptors import make_room
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (100, min(hard, 1000)))
make_room(int(sys.argv[1]))
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def limit_after(connections: int) -> tuple[int, str]:
    """Return the limit of a process that began with 100 of 1000, and what it said."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(connections)],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return int(done.stdout), done.stderr


def test_room_is_made_for_as_many_connections_as_may_come() -> None:
    limit, told = limit_after(200)
    assert 200 < limit <= 1000
    assert told == ""


def test_less_room_than_wanted_is_said() -> None:
    limit, told = limit_after(5000)
    assert limit == 1000
    assert "only about 744 connections at once" in told


def test_files_of_its_own_are_counted_too() -> None:
    assert limit_after(0)[0] == 256

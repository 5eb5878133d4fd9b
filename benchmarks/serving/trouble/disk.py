"""A disk that is full."""

import dataclasses
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from benchmarks.serving.posts import protocol_json
from benchmarks.serving.trouble.finding import Claim, Fault, Finding, Scale, reasoned, settled
from benchmarks.serving.trouble.options import option_missing
from benchmarks.serving.trouble.stand import Memory, stand

from tradewind.errors import EngineError

_RATE = 200.0
_WIDE, _ROWS = 20, 1024  # requests that fill a file of what is kept, with their rows
_DROPPED = 'tradewind_records_dropped_total{kind="capture"}'
_MEMORY = 200 * 10**6


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """Mount a file system of 64 kB."""
    place = folder / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if made.returncode:
        raise EngineError("mount", "a small file system", made.stderr.strip())
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _full_disk(folder: Path, scale: Scale) -> Finding:
    with _small_disk(folder) as disk:
        (disk / "filled").write_bytes(bytes(60_000))
        options = ["--capture", str(disk / "captured"), "--capture-rate", "1"]
        options += ["--capture-max-mb", "1"]
        with stand(folder, "tiny", options) as server, Memory(server.processes) as memory:
            driving = server.drive(_RATE, scale.seconds)
            wide = np.repeat(server.load.example, _ROWS, axis=0)
            body = protocol_json(dataclasses.replace(server.load, example=wide)).body
            statuses = {
                server.send("POST", f"/v2/models/{server.load.name}/infer", body)[0]
                for _ in range(_WIDE)
            }
            outcome = driving.outcome()
            recovery_s = server.recovery_s()
            dropped = server.metric(_DROPPED)
            grown = memory.peak - memory.before
            return Finding(
                [
                    settled(outcome),
                    reasoned(outcome, ()),
                    Claim("large ones are answered too", statuses == {200}, f"{statuses}"),
                    Claim("what is not kept is counted", dropped > 0, f"{dropped:.0f}"),
                    Claim("it goes on", not server.processes.is_over, "it answers"),
                    Claim("nothing piles up", grown < _MEMORY, f"{grown / 1e6:.0f} MB"),
                ],
                outcome,
                recovery_s,
                memory.before,
                memory.peak,
            )


def _missing() -> str:
    try:
        with tempfile.TemporaryDirectory(prefix="tradewind-") as name, _small_disk(Path(name)):
            return option_missing("--capture")
    except (EngineError, OSError):
        return "right to mount a small disk"


FULL_DISK = Fault("full-disk", "The disk that requests are kept on is full.", _full_disk, _missing)

"""Every single time of a race, outliers included, as a file.

The file is a `.npz`. Its arrays: `names`, the entrants; for each turn `entrant`, `round`, `place`
(its place in the round), `under_load`, `wall_s`, `cpu_s`, `joules` (NaN where nothing was read) and
`calls`; and `seconds`, the calls of all turns one after the other.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tradewind.measure.timing import Timing, Turn
from tradewind.tensors import Array

_BITS = 0xFFFFF000
"""Of each single time 12 binary digits are kept: 0.02%, in half the space."""


@dataclass(frozen=True)
class RawTimes:
    """The timings of one entrant."""

    single: Timing
    load: Timing


def to_npz(entrants: Mapping[str, RawTimes]) -> bytes:
    """Return the file."""
    rows: list[tuple[int, int, int, bool, Turn]] = []
    for entrant, raw in enumerate(entrants.values()):
        for under_load, timing in ((False, raw.single), (True, raw.load)):
            rows += [
                (entrant, number, turn.place, under_load, turn)
                for number, turn in enumerate(timing.turns)
            ]
    turns = [row[4] for row in rows]
    missing = float("nan")
    with io.BytesIO() as file:
        np.savez_compressed(
            file,
            names=np.array(list(entrants), dtype=np.str_),
            entrant=np.array([row[0] for row in rows], np.int16),
            round=np.array([row[1] for row in rows], np.int16),
            place=np.array([row[2] for row in rows], np.int16),
            under_load=np.array([row[3] for row in rows], np.bool_),
            wall_s=np.array([turn.wall_s for turn in turns]),
            cpu_s=np.array([turn.cpu_s for turn in turns]),
            joules=np.array([missing if turn.joules is None else turn.joules for turn in turns]),
            calls=np.array([turn.calls for turn in turns], np.int32),
            seconds=_shortened([turn.seconds for turn in turns]),
        )
        return file.getvalue()


def from_npz(content: bytes) -> dict[str, RawTimes]:
    """Return the timings of every entrant of such a file."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        held = {name: np.asarray(file[name]) for name in file.files}
    seconds = np.split(held["seconds"].astype(np.float64), np.cumsum(held["calls"])[:-1])
    found = {str(name): RawTimes(Timing(), Timing()) for name in held["names"]}
    names = list(found)
    for row, each in enumerate(seconds):
        raw = found[names[int(held["entrant"][row])]]
        joules = float(held["joules"][row])
        turn = Turn(
            each,
            float(held["wall_s"][row]),
            float(held["cpu_s"][row]),
            None if np.isnan(joules) else joules,
            int(held["place"][row]),
        )
        (raw.load if held["under_load"][row] else raw.single).turns.append(turn)
    return found


def _shortened(turns: Sequence[Array]) -> Array:
    """Return float32[calls] whose last digits are zero, so that they take less space."""
    whole = np.concatenate(turns).astype(np.float32) if turns else np.zeros(0, np.float32)
    rounded = whole.view(np.uint32) + np.uint32(0x800)
    return np.asarray((rounded & np.uint32(_BITS)).view(np.float32))

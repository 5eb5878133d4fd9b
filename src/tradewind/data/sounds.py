"""WAV files with one channel."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from tradewind.data.fitting import preprocess
from tradewind.data.folders import FilesRows, Folder
from tradewind.data.preprocessing import Preprocessing
from tradewind.data.rows import Rows
from tradewind.errors import DataError
from tradewind.tensors import Array, Datatype, TensorSpec, describe

_WHOLE_NUMBERS, _FLOATS, _EXTENSIBLE = 1, 3, 0xFFFE


@final
@dataclass(frozen=True, eq=False)
class Sound:
    """One channel of sound: int16[samples], or float32[samples] in -1..1."""

    samples: Array
    rate_hz: int


def is_wav(path: Path) -> bool:
    """Say from its first bytes whether a file is WAV."""
    with path.open("rb") as file:
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WAVE"


def read_wav(path: Path) -> Sound:
    """Read a WAV file; the module `wave` of Python 3.11 knows no floats.

    Raises:
        DataError: no WAV, cut off, more than one channel, or neither 16-bit whole numbers nor
            32-bit floats.
    """
    content = path.read_bytes()
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise DataError(str(path), "a WAV file", "something else")
    chunks: dict[bytes, bytes] = {}
    position = 12
    while position + 8 <= len(content):
        name, size_bytes = struct.unpack_from("<4sI", content, position)
        chunks.setdefault(name, content[position + 8 : position + 8 + size_bytes])
        if position + 8 + size_bytes > len(content):
            raise DataError(str(path), "a whole WAV file", "one that is cut off")
        position += 8 + size_bytes + size_bytes % 2
    layout, samples = chunks.get(b"fmt ", b""), chunks.get(b"data")
    if len(layout) < 16 or samples is None:
        raise DataError(str(path), "a WAV file with sound", "one without")
    coding, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", layout)
    if coding == _EXTENSIBLE and len(layout) >= 26:
        (coding,) = struct.unpack_from("<H", layout, 24)
    dtype = {(_WHOLE_NUMBERS, 16): "<i2", (_FLOATS, 32): "<f4"}.get((coding, bits))
    if channels != 1 or dtype is None:
        raise DataError(
            str(path),
            "one channel of 16-bit whole numbers or 32-bit floats",
            f"{channels} channels of {bits} bits",
            "convert it with `sox in.wav -c 1 -b 16 out.wav`.",
        )
    usable = len(samples) - len(samples) % np.dtype(dtype).itemsize
    return Sound(np.frombuffer(samples[:usable], dtype), rate_hz)


def fit_sounds(
    folder: Folder, spec: TensorSpec, preprocessing: Preprocessing | None
) -> tuple[Rows, Preprocessing | None]:
    """Return a folder of WAV files as the input takes them.

    Raises:
        DataError: the input takes no sound, or the first file is none.
    """
    if len(spec.shape) != 2 or spec.datatype not in (Datatype.FP32, Datatype.FP16, Datatype.FP64):
        raise DataError(
            str(folder.root),
            f"examples for {spec}",
            "sound, which needs an input of floats [N, samples]",
            "compute the features as in training and give them as `.npz`.",
        )
    first = read_wav(folder.paths[0])
    wanted = spec.shape[1] if isinstance(spec.shape[1], int) else len(first.samples)
    dtype = first.samples.dtype.newbyteorder("=")
    if dtype == np.int16:
        stored = FilesRows(folder, _decoder(first, wanted), dtype, (wanted,))
        chosen = (preprocessing or Preprocessing.for_spec(spec)).fitted(spec)
        return preprocess(stored, spec, str(folder.root), chosen), chosen
    if preprocessing is not None or spec.datatype is not Datatype.FP32:
        expected = f"16-bit sound for {describe(spec.datatype, spec.shape)}"
        raise DataError(str(folder.root), expected, "32-bit floats")
    return FilesRows(folder, _decoder(first, wanted), dtype, (wanted,)), None


def _decoder(first: Sound, wanted: int) -> Callable[[Path], Array]:
    def decode(path: Path) -> Array:
        sound = read_wav(path)
        if sound.samples.dtype != first.samples.dtype or sound.rate_hz != first.rate_hz:
            expected = f"{first.samples.dtype} at {first.rate_hz} Hz as in the first file"
            raise DataError(str(path), expected, f"{sound.samples.dtype} at {sound.rate_hz} Hz")
        if len(sound.samples) != wanted:
            hint = "cut it, or pad it with silence, as it was done in training."
            raise DataError(str(path), f"{wanted} samples", str(len(sound.samples)), hint)
        return sound.samples

    return decode

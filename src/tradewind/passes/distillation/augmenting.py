"""More inputs like the ones at hand, as long as the teacher answers them."""

from dataclasses import dataclass
from typing import final

import numpy as np

from tradewind.tensors import Array

_REACH = 8
"""A shift moves an image or a signal by up to one part in so many of its size."""
_LEAST_SIGNAL = 256
"""Points along the last axis from which on an input may be a signal."""


@final
@dataclass(frozen=True)
class Augmentation:
    """How variants of one input are made.

    Args:
        axes: of height and width in an image, of time in a signal; empty when it is neither.
        flips: whether images are mirrored left to right.
        shifts: whether they are moved; what comes in is the mirror image of the edge.
        noise: standard deviation of what is added, for each element; None for nothing.
        mixes: share of examples that are blended with another one.
    """

    axes: tuple[int, ...] = ()
    flips: bool = False
    shifts: bool = False
    noise: Array | None = None
    mixes: float = 0.0

    @property
    def is_image(self) -> bool:
        """Whether there are height and width."""
        return len(self.axes) == 2

    @property
    def changes(self) -> list[str]:
        """What is done, in words."""
        named = {
            "mirrored": self.flips,
            "shifted": self.shifts,
            "noise": self.noise is not None,
            "blended": self.mixes > 0,
        }
        return [name for name, is_done in named.items() if is_done]

    def apply(self, array: Array, rows: Array, seed: tuple[int, ...]) -> Array:
        """Return one variant of some examples; the same seed gives the same variant.

        Args:
            array: all examples.
            rows: which of them are wanted.
            seed: of this variant.
        """
        if not self.changes:
            return array[rows]
        count = len(array)
        draws = np.random.default_rng(seed)
        is_flipped = draws.random(count)[rows] < 0.5
        moves = draws.uniform(-1, 1, (count, 2))[rows]
        partners = draws.permutation(count)[rows]
        shares = np.where(draws.random(count) < self.mixes, draws.uniform(0, 1, count), 1.0)[rows]
        found = self._moved(array[rows], is_flipped, moves)
        if self.mixes:
            share = shares.astype(array.dtype).reshape(-1, *(1,) * (array.ndim - 1))
            other = self._moved(array[partners], is_flipped, moves)
            found = share * found + (1 - share) * other
        if self.noise is not None:
            steps = [np.random.default_rng([*seed, int(row)]) for row in rows]
            drawn = np.stack([one.standard_normal(array.shape[1:], np.float32) for one in steps])
            found = (found + drawn * self.noise).astype(array.dtype)
        return found

    def _moved(self, images: Array, is_flipped: Array, moves: Array) -> Array:
        if not self.flips and not self.shifts:
            return images
        if not self.is_image:
            return _shifted(images, moves[:, 0])
        height, width = (images.shape[axis] for axis in self.axes)
        down, right = np.arange(height)[None], np.arange(width)[None]
        if self.shifts:
            down = down + np.rint(moves[:, :1] * (height // _REACH)).astype(int)
            right = right + np.rint(moves[:, 1:] * (width // _REACH)).astype(int)
        if self.flips:
            right = np.where(is_flipped[:, None], width - 1 - right, right)
        first = np.arange(len(images))[:, None, None]
        down, right = _mirrored(down, height)[:, :, None], _mirrored(right, width)[:, None, :]
        if self.axes == (1, 2):
            moved: Array = images[first, down, right]
        else:
            moved = images[first, :, down, right].transpose(0, 3, 1, 2)
        return moved


def _shifted(signals: Array, moves: Array) -> Array:
    """Return signals moved along their last axis, by shares of the farthest that they may."""
    size = signals.shape[-1]
    steps = np.rint(moves * (size // _REACH)).astype(int)
    places = _mirrored(np.arange(size) + steps[:, None], size)
    places = places.reshape(len(signals), *(1,) * (signals.ndim - 2), size)
    moved: Array = np.take_along_axis(signals, places, axis=-1)
    return moved


def joined(one: Augmentation, other: Augmentation) -> Augmentation:
    """Return what makes the changes of both, for inputs of the same kind."""
    return Augmentation(
        one.axes,
        one.flips or other.flips,
        one.shifts or other.shifts,
        other.noise if one.noise is None else one.noise,
        max(one.mixes, other.mixes),
    )


def _mirrored(places: Array, size: int) -> Array:
    """Return places outside 0..size-1 mirrored at the edges."""
    period = max(2 * size - 2, 1)
    turned = np.abs(places) % period
    return np.where(turned < size, turned, period - turned)


def moving_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return along which axes an input [examples, ...] may be moved.

    Those of height and width in an image, that of time in a signal; none in what is neither.
    """
    if len(shape) in (2, 3) and shape[-1] >= _LEAST_SIGNAL:
        return (len(shape) - 1,)
    if len(shape) != 4:
        return ()
    if shape[1] in (1, 3, 4) and min(shape[2:]) >= _REACH:
        return (2, 3)
    return (1, 2) if shape[3] in (1, 3, 4) and min(shape[1:3]) >= _REACH else ()

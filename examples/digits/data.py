"""The digits this example trains on, with the ones it keeps aside for everybody else.

Needs numpy and scikit-learn, not torch:

    python examples/digits/data.py heldout.npz

scikit-learn carries the 1,797 digits itself, so nothing is downloaded.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

SIDE = 32
TRAINING_EXAMPLES = 600
SPLIT_SEED = 20


@dataclass(frozen=True)
class Digits:
    """Images with the digit that each one shows."""

    image: NDArray[np.float32]  # [N, 1, SIDE, SIDE], 0 (paper) .. 1 (ink)
    label: NDArray[np.int64]  # [N], 0..9

    def __len__(self) -> int:
        return len(self.label)


def training() -> Digits:
    """Return the 600 examples that the network is trained on."""
    return _part(_order()[:TRAINING_EXAMPLES])


def held_out() -> Digits:
    """Return the 1,197 examples that training never reads.

    They come shuffled, so that consecutive slices are random samples: cutting them into
    a calibration, a selection and a certification part needs no second shuffle.
    """
    return _part(_order()[TRAINING_EXAMPLES:])


def write_npz(path: str | Path) -> Path:
    """Write the held-out examples as `image` float32[N, 1, 32, 32] and `label` int64[N].

    Args:
        path: where to write, ending in `.npz` (numpy would append it otherwise).

    Returns:
        `path`, now written.

    Raises:
        ValueError: `path` does not end in `.npz`.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise ValueError(
            f"path: expected a name ending in '.npz', got '{path}'.\n"
            f"hint: write '{path.with_suffix('.npz')}' instead."
        )
    digits = held_out()
    np.savez_compressed(path, image=digits.image, label=digits.label)
    return path


def upsample(image: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return square images enlarged bilinearly, edges repeated, pixel centres aligned.

    out = R @ image @ R.T; row i of R[side, small] holds the two weights of the source
    pixels around (i + 0.5) * small / side - 0.5, clipped to the image.

    Args:
        image: float32[N, small, small].
        side: the new height and width, at least `small`.

    Returns:
        float32[N, side, side], within the range of `image`.
    """
    small = image.shape[-1]
    centre = np.clip((np.arange(side) + 0.5) * small / side - 0.5, 0, small - 1)
    distance = np.abs(centre[:, None] - np.arange(small)[None, :])
    rows = np.maximum(0.0, 1.0 - distance)  # [side, small], each row sums to 1
    enlarged: NDArray[np.float32] = (rows @ image @ rows.T).astype(np.float32)
    return enlarged


def _order() -> NDArray[np.int64]:
    """Return the fixed shuffle that both parts are cut from."""
    # RandomState, not default_rng: only its stream is frozen across numpy versions, and a
    # changed stream would put training examples among the held-out ones.
    order: NDArray[np.int64] = np.random.RandomState(SPLIT_SEED).permutation(1797)
    return order


def _part(index: NDArray[np.int64]) -> Digits:
    """Return the chosen examples, enlarged to SIDE."""
    bunch = load_digits()
    small = np.asarray(bunch.images, dtype=np.float32)[index] / np.float32(16)  # ink 0..16
    label = np.asarray(bunch.target, dtype=np.int64)[index]
    return Digits(upsample(small, SIDE)[:, None], label)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/digits/data.py heldout.npz")
    print(f"wrote {write_npz(sys.argv[1])}: {len(held_out())} held-out examples")

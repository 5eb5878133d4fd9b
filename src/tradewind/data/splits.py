"""The three disjoint parts that a certificate needs."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import final

import numpy as np

from tradewind.data.dataset import Dataset
from tradewind.errors import DataError, SettingError
from tradewind.tensors import Array

MIN_EXAMPLES = 30
"""With fewer than this no split is large enough to show anything."""


@final
@dataclass(frozen=True, eq=False)
class Splits:
    """Which examples each step may look at; no example, nor a copy of it, is in two parts."""

    seed: int
    calibrate: Array = field(repr=False)  # int64, ascending: observed by passes
    select: Array = field(repr=False)  # int64, ascending: decides the order of the variants
    certify: Array = field(repr=False)  # int64, ascending: seen by the certificate only

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the seed and of all three parts, in hexadecimal."""
        found = hashlib.sha256(str(self.seed).encode())
        for part in (self.calibrate, self.select, self.certify):
            found.update(len(part).to_bytes(8, "little"))
            found.update(np.ascontiguousarray(part, np.dtype("<i8")).tobytes())
        return found.hexdigest()


def split(
    dataset: Dataset | int,
    seed: int,
    *,
    calibrate: int | None = None,
    select: int | None = None,
    certify: int | None = None,
) -> Splits:
    """Divide the examples at random, without regard to their order or labels.

    Examples with equal inputs, and those of one group, stay together, so that none is certified
    on that was seen before; where there are such, the first two parts may grow by what belongs
    to their last example. A number of examples instead of a dataset is divided without that care.

    Args:
        dataset: what to divide, or the number of examples.
        seed: 0 or more; the same seed divides the same examples in the same way.
        calibrate: how many for calibration; min(300, 10%) when None.
        select: how many for selection; min(2000, 20%) when None.
        certify: how many for certification; all others when None.

    Raises:
        DataError: fewer than `MIN_EXAMPLES`, fewer than asked for, or nothing left to certify.
        SettingError: the seed or a number is negative.
    """
    count = dataset if isinstance(dataset, int) else len(dataset)
    where = "data" if isinstance(dataset, int) else dataset.source
    _check_settings(seed, calibrate=calibrate, select=select, certify=certify)
    if count < MIN_EXAMPLES:
        raise DataError(
            where,
            f"at least {MIN_EXAMPLES} examples",
            str(count),
            "a few hundred allow a rough promise, a few thousand a sharp one.",
        )
    first = min(300, count // 10) if calibrate is None else calibrate
    second = min(2000, count // 5) if select is None else select
    third = count - first - second if certify is None else certify
    if third <= 0 or first + second + third > count:
        raise DataError(
            where,
            f"more than {first + second} examples" if third <= 0 else f"{first + second + third}",
            str(count),
            "ask for fewer examples in each part, or bring more.",
        )
    groups = np.arange(count) if isinstance(dataset, int) else _groups(dataset)
    parts = _assign(groups, np.random.default_rng(seed), (first, second, third))
    if not len(parts[2]):
        raise DataError(where, "different examples", "copies of very few", "remove the copies.")
    return Splits(seed, *parts)


def _check_settings(seed: int, **counts: int | None) -> None:
    for name, value in {"seed": seed, **counts}.items():
        if value is not None and value < 0:
            raise SettingError(name, "0 or more", str(value))


def _groups(dataset: Dataset) -> Array:
    """Return for each example the number of what stays together, counted by first appearance."""
    found = dataset.fingerprints
    if dataset.groups is not None:
        found = _connected(dataset.groups, np.unique(found, return_inverse=True)[1].reshape(-1))
    _, first, group = np.unique(found, return_index=True, return_inverse=True)
    order = np.empty(len(first), np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    return np.asarray(order[group.reshape(-1)])


def _connected(groups: Array, copies: Array) -> Array:
    """Return one number for groups that share copies of an example."""
    from scipy.sparse import coo_array  # a server, which divides nothing, does without
    from scipy.sparse.csgraph import connected_components

    count = int(groups.max()) + 1
    edges = (np.ones(len(groups), np.int8), (groups, count + copies))
    size = count + int(copies.max()) + 1
    _, part = connected_components(coo_array(edges, shape=(size, size)), directed=False)
    return np.asarray(part[groups])


def _assign(
    groups: Array, random: np.random.Generator, counts: tuple[int, int, int]
) -> tuple[Array, Array, Array]:
    """Lay the groups out in random order and cut where each part is full.

    A group belongs to the part in which it begins, so its size does not decide where it goes.
    """
    sizes = np.bincount(groups)
    order = random.permutation(len(sizes))
    starts = np.empty(len(sizes), np.int64)
    starts[order] = np.cumsum(sizes[order]) - sizes[order]
    begins = starts[groups]
    first, second, third = np.cumsum(counts)
    return (
        np.flatnonzero(begins < first),
        np.flatnonzero((begins >= first) & (begins < second)),
        np.flatnonzero((begins >= second) & (begins < third)),
    )

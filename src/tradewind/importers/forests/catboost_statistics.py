"""What CatBoost counted of categories and their combinations in training ("CTR").

A combination is one hash of the hashes of its categories and of the answers to its questions. The
file tells the hashes that were counted; which texts they stand for is found by computing the hashes
of all combinations of known texts.

Source: catboost/libs/model/static_ctr_provider.cpp and online_ctr.h of CatBoost 1.2.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from tradewind.errors import ModelError
from tradewind.importers.forests.forest import Part, Statistic
from tradewind.tensors import Array

KEEP_TEXTS = (
    "where it was trained, write `model.save_model('model.json', format='json', pool=train_pool)`: "
    "only with the pool does the file say which texts the categories are."
)
MAX_COMBINATIONS = 2**23
"""How many combinations of texts are tried for one table, at most."""

_MAGIC = np.uint64(0x4906BA494954CB65)
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
_LOW = np.uint64(0xFFFFFFFF)
_NO_YES = np.array([0, 1], np.uint64)
_VALUE = "cat_feature_value"
_KINDS = (_VALUE, "float_feature", "cat_feature_exact_value")  # in the order of the hash


Element = Mapping[str, Any]
"""One part of a combination, as the file has it."""


@final
@dataclass(frozen=True, eq=False)
class _Table:
    """The counts of one combination."""

    elements: tuple[Element, ...]
    choices: tuple[Array, ...]  # uint64: what each element may be
    places: Array  # int64[rows, elements], into the choices
    counts: Array  # float64[rows, counted]
    denominator: int


@final
class Statistics:
    """The statistics of one document.

    Args:
        document: as CatBoost writes it.
        known: the hashes of all categories whose texts it holds.
        where: what users call it.
    """

    def __init__(self, document: Mapping[str, Any], known: Iterable[int], where: str) -> None:
        infos = document["features_info"]
        self._where = where
        self._known = _extended(known)
        self._columns: dict[int, Array] = {}  # the categories that each column is known to hold
        self._ctrs: list[Mapping[str, Any]] = infos.get("ctrs") or []
        sizes = [len(one.get("borders") or ()) for one in infos.get("float_features") or ()]
        sizes += [len(one.get("values") or ()) for one in infos.get("categorical_features") or ()]
        self._starts = sum(sizes) + np.cumsum([0, *(len(one["borders"]) for one in self._ctrs)])
        named = {one["identifier"]: _ordered(one["elements"]) for one in self._ctrs}
        # single categories first, which tell what the columns of combinations hold
        order = sorted(named, key=lambda name: len(_columns(named[name])))
        self._tables = {
            name: self._table(document["ctr_data"][name], named[name]) for name in order
        }

    def __len__(self) -> int:
        return len(self._ctrs)

    def question(self, split: Mapping[str, Any], where: str) -> tuple[int, float, bool]:
        """Return the number of a statistic, the border, and the answer where nothing was counted.

        Splits do not name the statistic: the questions of a model are numbered, those about
        statistics after those about single numbers and categories.
        """
        index, border = int(split["split_index"]), float(split["border"])
        number = int(np.searchsorted(self._starts, index, side="right")) - 1
        if 0 <= number < len(self._ctrs):
            ctr = self._ctrs[number]
            is_border = ctr["borders"][index - int(self._starts[number])] == border
            if is_border and ctr["target_border_idx"] == split["ctr_target_border_idx"]:
                nothing = np.zeros((1, self._tables[ctr["identifier"]].counts.shape[1]))
                return number, border, float(self._values(ctr, nothing)[0]) > border
        raise ModelError(where, "a question about one of its statistics", f"number {index}")

    def coded(
        self, part: Callable[[Element], Part], code: Callable[[int, int], int]
    ) -> tuple[Statistic, ...]:
        """Return all statistics.

        Args:
            part: turns an element of a combination into what is taken from a column.
            code: returns the code of the category of a column that has a hash.
        """
        return tuple(self._coded(ctr, part, code) for ctr in self._ctrs)

    def _coded(
        self,
        ctr: Mapping[str, Any],
        part: Callable[[Element], Part],
        code: Callable[[int, int], int],
    ) -> Statistic:
        table = self._tables[ctr["identifier"]]
        places = table.places.copy()
        for number, element in enumerate(table.elements):
            if element["combination_element"] == _VALUE:
                used, back = np.unique(places[:, number], return_inverse=True)
                hashes = (table.choices[number][used] & _LOW).tolist()
                codes = [code(int(element["cat_feature_index"]), value) for value in hashes]
                places[:, number] = np.array(codes, np.int64)[back]
        parts = tuple(part(element) for element in table.elements)
        return Statistic(parts, places, self._values(ctr, table.counts))

    def _values(self, ctr: Mapping[str, Any], counts: Array) -> Array:
        """Return float32[rows]: (good + prior) / (all + its weight), shifted and scaled."""
        kind, border = ctr["ctr_type"], int(ctr["target_border_idx"])
        if kind in ("BinarizedTargetMeanValue", "FloatTargetMeanValue"):
            good, total = counts[:, 0], counts[:, 1]
        elif kind in ("Counter", "FeatureFreq"):
            good = counts[:, 0]
            total = np.full_like(good, self._tables[ctr["identifier"]].denominator)
        elif kind == "Buckets":
            good, total = counts[:, border], counts.sum(axis=1)
        elif kind == "Borders":
            first = border + 1 if counts.shape[1] > 2 else 1
            good, total = counts[:, first:].sum(axis=1), counts.sum(axis=1)
        else:
            raise ModelError(self._where, "a statistic that CatBoost 1.2 has", str(kind))
        names = ("prior_numerator", "prior_denomerator", "shift", "scale")
        with np.errstate(all="ignore"):
            above, below, shift, scale = (np.float32(ctr[name]) for name in names)
            share = (good.astype(np.float32) + above) / (total.astype(np.float32) + below)
            values = (share + shift) * scale
        if not np.isfinite(values).all():
            raise ModelError(self._where, "statistics that are numbers", "one that is not finite")
        return np.asarray(values, np.float32)

    def _table(self, raw: Mapping[str, Any], elements: tuple[Element, ...]) -> _Table:
        flat, stride = raw["hash_map"], int(raw["hash_stride"])
        if stride < 2 or not flat or len(flat) % stride:
            raise ModelError(self._where, f"rows of {stride} numbers", f"{len(flat)} numbers")
        if any(isinstance(one, float) for one in flat):
            got = "fractions, which CatBoost itself reads as 0 from JSON"
            hint = "train it with `Borders` or `Buckets` as `simple_ctr` and `combinations_ctr`."
            raise ModelError(self._where, "statistics that count or add whole numbers", got, hint)
        hashes = np.array([int(one) for one in flat[::stride]], np.uint64)
        counts = np.array([flat[n::stride] for n in range(1, stride)], np.float64).T
        hashes, counts = hashes[hashes != _EMPTY], counts[hashes != _EMPTY]
        if not len(hashes):
            raise ModelError(self._where, "combinations that were counted", "none")
        choices, places = self._resolved(hashes, elements)
        for number, column in _columns(elements).items():
            held = [choices[number][places[:, number]], self._columns.get(column, choices[0][:0])]
            self._columns[column] = np.unique(np.concatenate(held))
        return _Table(elements, choices, places, counts, int(raw["counter_denominator"]))

    def _resolved(
        self, hashes: Array, elements: tuple[Element, ...]
    ) -> tuple[tuple[Array, ...], Array]:
        """Return what each element may be, and which of that each row stands for."""
        columns = _columns(elements)
        narrow = {column: self._columns.get(column, self._known) for column in columns.values()}
        every = dict.fromkeys(columns.values(), self._known)
        for categories in (narrow, every):
            choices = tuple(
                categories[columns[number]] if number in columns else _NO_YES
                for number in range(len(elements))
            )
            count = math.prod(map(len, choices))
            if count > MAX_COMBINATIONS:
                hint = "train it with a smaller `max_ctr_complexity`, or group rare categories."
                expected = f"at most {MAX_COMBINATIONS} combinations of categories"
                raise ModelError(self._where, expected, str(count), hint)
            places = _places(hashes, choices)
            if places is not None:
                return choices, places
        got = "numbers that they were hashed to"
        raise ModelError(self._where, "the texts of its categories", got, KEEP_TEXTS)


def _places(hashes: Array, choices: tuple[Array, ...]) -> Array | None:
    """Return int64[hashes, choices], what each hash was made of; None where one stays unknown."""
    found: Array = np.zeros(1, np.uint64)
    for choice in choices:
        found = (_MAGIC * (found[:, None] + _MAGIC * choice)).ravel()
    order = np.argsort(hashes)
    at = np.searchsorted(hashes[order], found).clip(max=len(hashes) - 1)
    hits = np.flatnonzero(hashes[order][at] == found)
    rows = order[at[hits]]
    if len(np.unique(rows)) < len(hashes):
        return None
    places = np.zeros((len(hashes), len(choices)), np.int64)
    places[rows] = np.stack(np.unravel_index(hits, [len(one) for one in choices]), axis=1)
    return places


def _columns(elements: tuple[Element, ...]) -> dict[int, int]:
    """Return the columns whose categories count, by the place of their element."""
    return {
        number: int(element["cat_feature_index"])
        for number, element in enumerate(elements)
        if element["combination_element"] == _VALUE
    }


def _ordered(elements: Iterable[Element]) -> tuple[Element, ...]:
    return tuple(sorted(elements, key=lambda one: _KINDS.index(one["combination_element"])))


def _extended(hashes: Iterable[int]) -> Array:
    """Return hashes of 32 bits as CatBoost combines them: with the sign in the upper half."""
    return np.array([*hashes], np.uint32).view(np.int32).astype(np.int64).view(np.uint64)

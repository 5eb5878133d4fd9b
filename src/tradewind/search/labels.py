"""Labels for just those examples on which the original and a variant disagree."""

import csv
from pathlib import Path
from typing import final

import numpy as np

from tradewind.data import Dataset, as_labels
from tradewind.errors import DataError
from tradewind.tensors import Array

EXAMPLE, LABEL = "example", "label"
"""The columns of the table in which labels are asked for."""


def differs(answers: Array, original: Array) -> Array:
    """Return bool[n]: on which examples two models say different things.

    Args:
        answers: those of one, [n, ...].
        original: those of the other, at least as many.
    """
    different = np.asarray(answers != original[: len(answers)])
    return np.asarray(different.reshape(len(different), -1).any(axis=1))


@final
class Labels:
    """The labels of some examples, asked for or not.

    Args:
        examples: int64[k], their numbers in the data.
        labels: as `Dataset.labels` has them, [k].
    """

    def __init__(self, examples: Array, labels: Array) -> None:
        self._places = {int(number): place for place, number in enumerate(examples)}
        self._labels = labels

    def __len__(self) -> int:
        return len(self._places)

    def truth(self, original: Array, indices: Array) -> Array:
        """Return the labels of examples; the original's answer stands for those not labelled.

        Args:
            original: its answers, [n].
            indices: int64[n], the examples.

        Raises:
            DataError: labels and answers are of different kinds.
        """
        is_text = self._labels.dtype == object
        if len(self) and is_text is not (original.dtype == object):
            expected = "whole numbers" if is_text else "the names that the model answers with"
            raise DataError("labels", expected, "the other kind")
        known = [self._places.get(int(number), -1) for number in indices]
        found = original.copy()
        for row, place in enumerate(known):
            if place >= 0:
                found[row] = self._labels[place]
        return found

    def check(self, answers: Array, original: Array, indices: Array) -> None:
        """Raise unless every example on which two models disagree has a label.

        Args:
            answers: those of a variant, [n].
            original: those of the original, at least as many.
            indices: the examples they belong to.

        Raises:
            DataError: some have none.
        """
        disputed = indices[: len(answers)][differs(answers, original)]
        missing = [int(number) for number in disputed if int(number) not in self._places]
        if missing:
            listed = ", ".join(map(str, sorted(missing)[:10]))
            raise DataError(
                "labels",
                "a label for every example on which the models disagree",
                f"none for {len(missing)} of them: example {listed}",
                "add lines with these numbers; on another machine a few answers may differ.",
            )


def read_labels(path: Path, dataset: Dataset) -> Labels:
    """Read the table of `write_questions` with its labels filled in.

    Raises:
        DataError: it is no such table, a label is missing, or an example is not in the data.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {EXAMPLE, LABEL} <= set(reader.fieldnames or ()):
                got = ", ".join(reader.fieldnames or ()) or "an empty file"
                raise DataError(str(path), f"columns {EXAMPLE} and {LABEL}", got)
            rows = [(row[EXAMPLE] or "", (row[LABEL] or "").strip()) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(str(path), "a table with labels", str(error)) from error
    empty = [number for number, label in rows if not label]
    if empty:
        got = f"none for {len(empty)} of {len(rows)}, the first for example {empty[0]}"
        raise DataError(str(path), "a label in every line", got)
    examples = _numbers([number for number, _ in rows], path, len(dataset))
    texts = [label for _, label in rows]
    try:
        found = np.array([int(text) for text in texts], np.int64)
    except ValueError:
        found = as_labels(np.array(texts, dtype=object), f"{path}: {LABEL}")
    return Labels(examples, found)


def _numbers(texts: list[str], path: Path, count: int) -> Array:
    wrong = [text for text in texts if not (text.isdecimal() and int(text) < count)]
    if wrong:
        raise DataError(f"{path}: {EXAMPLE}", f"numbers from 0 to {count - 1}", wrong[0][:40])
    numbers = np.array([int(text) for text in texts], np.int64)
    if len(set(texts)) < len(texts):
        raise DataError(f"{path}: {EXAMPLE}", "every example once", "one that comes twice")
    return numbers

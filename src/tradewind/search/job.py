"""What one search works on; nothing in it changes while it runs but what is remembered."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tradewind.budget import Budget
from tradewind.data import Dataset, Splits, Unlabelled, check_labels
from tradewind.errors import DataError, SettingError
from tradewind.evidence import (
    Paired,
    PairedCounts,
    PairedLosses,
    losses_examples_needed,
    minimum_examples,
)
from tradewind.measure import Accuracy, Hardware, Metric, TopK, collect, responses
from tradewind.model import Model
from tradewind.passes import Observed
from tradewind.runners import Runner, Scores
from tradewind.search.recalling import Recall
from tradewind.search.settings import Deadline, SearchSettings
from tradewind.search.trials import Load, Seen
from tradewind.tensors import Array, Datatype, Tensors

_READ = 64
"""Examples that are read at once, at least."""


@dataclass(frozen=True)
class Job:
    """A model, its data, the promise and the time."""

    model: Model
    dataset: Dataset
    splits: Splits
    budget: Budget
    metric: Metric
    settings: SearchSettings
    hardware: Hardware
    deadline: Deadline
    unlabelled: Unlabelled | None = None  # none of them is in the dataset
    label_budget: int | None = None  # labels that may be asked for; None where none are
    recall: Recall = field(default_factory=Recall)  # what earlier searches found

    @property
    def fixed_batch(self) -> int | None:
        """The only batch size that the graph takes; None when it takes any."""
        return self.model.signature.fixed_batch

    @property
    def has_truth(self) -> bool:
        """Whether answers are compared with labels rather than with the original's."""
        return self.metric.takes_labels and self.dataset.labels is not None

    @property
    def tolerated(self) -> float:
        """The drop on the select split from which on a variant is not worth a test.

        Where labels may be asked for, that is the share of examples that could be labelled: who
        disagrees with the original need not be wrong.
        """
        share = (self.label_budget or 0) / max(len(self.splits.certify), 1)
        return max(self.budget.max_drop, share)

    def timed(self) -> Array:
        """Return the examples that timing may use, those of the select split at random.

        They are as new to every variant as later examples will be: no pass has seen them.
        """
        return np.random.default_rng((self.settings.seed, 2)).permutation(self.splits.select)

    def observe(self, count: int) -> Observed:
        """Return up to `count` examples that no certificate rests on.

        They are those of the calibrate split, and then those without labels.
        """
        if count == 0:
            return Observed({})
        own = self.dataset.take(self.splits.calibrate[:count])
        missing = count - min(count, len(self.splits.calibrate))
        if self.unlabelled is None or not missing:
            return Observed(own)
        more = self.unlabelled.take(missing)
        if any(more[name].shape[1:] != array.shape[1:] for name, array in own.items()):
            return Observed(own)  # of another size, as images and sentences may be
        return Observed({name: np.concatenate([own[name], more[name]]) for name in own})

    @property
    def observable(self) -> int:
        """How many examples `observe` can return."""
        more = 0 if self.unlabelled is None else len(self.unlabelled)
        return len(self.splits.calibrate) + more

    def sample(self) -> Tensors:
        """Return a few examples of the calibrate split, in a batch that the graph takes."""
        indices = self.splits.calibrate
        return self.dataset.take(np.resize(indices, self.fixed_batch or min(16, len(indices))))

    def answers(self, runner: Runner, indices: Array, load: Load, until: float) -> Array:
        """Run examples through a runner until they or the time end.

        When to stop depends on the clock alone, never on an answer, so that the examples that
        were reached are as random as all.

        Returns:
            The answers to the first examples of `indices`, at least one batch of them.
        """
        batches = self._batches(indices, load.batch_size, until)
        return collect(runner, batches, self.metric, self.fixed_batch, load.concurrency)

    def see(
        self,
        runner: Runner,
        indices: Array,
        load: Load,
        until: float,
        scores: Scores | None,
        original: Array | None = None,
    ) -> Seen:
        """Run examples as `answers` does, and keep their class scores.

        Args:
            runner: what answers.
            indices: of the examples.
            load: examples asked at once, and by how many callers.
            until: the clock's reading at which no further batch is begun.
            scores: where the class scores are; None where there are none.
            original: the original's answers; None when it is the original that answers.
        """
        answers, logits = [], []
        batches = self._batches(indices, load.batch_size, until)
        for outputs in responses(runner, batches, self.fixed_batch, load.concurrency):
            answers.append(self.metric.answers(outputs))
            if scores is not None:
                logits.append(scores.logits(outputs).astype(np.float32))
        found = np.concatenate(answers)
        losses = self.losses(found, found if original is None else original, indices)
        return Seen(found, losses, np.concatenate(logits) if logits else None)

    def _batches(self, indices: Array, batch_size: int, until: float) -> Iterator[Tensors]:
        """Yield batches until they or the time end; what is small is read together."""
        clock, is_first = self.deadline.clock, True
        for block in self.dataset.batches(indices, batch_size * max(_READ // batch_size, 1)):
            for start in range(0, len(next(iter(block.values()))), batch_size):
                if not is_first and clock() > until:
                    return
                is_first = False
                yield {name: rows[start : start + batch_size] for name, rows in block.items()}

    def losses(self, answers: Array, original: Array, indices: Array) -> Array:
        """Return float64[n] from 0 to 1: how bad each answer is.

        Args:
            answers: a model's, for the first n of `indices`.
            original: the original's, for at least as many.
            indices: which examples they belong to.
        """
        count = len(answers)
        if not self.has_truth:
            return self.metric.losses(answers, original[:count])
        assert self.dataset.labels is not None  # checked by `check_truth`
        return self.metric.losses(answers, self.dataset.labels[indices[:count]])

    def paired(self, before: Array, after: Array, indices: Array) -> Paired:
        """Return what two models did, as a test takes it.

        Args:
            before: float64[m], the losses of the original on the first m of `indices`.
            after: float64[n], n <= m, those of a variant.
            indices: which examples they belong to; those of a group one after the other.
        """
        count = len(after)
        groups = self.dataset.groups
        if groups is None:
            if self.metric.is_exact:
                return PairedCounts.from_correct(before[:count] < 0.5, after < 0.5)
            return PairedLosses(after - before[:count])
        own = groups[indices]
        if count < len(indices) and own[count] == own[count - 1] and own[0] != own[count - 1]:
            count = int(np.flatnonzero(own[:count] != own[count])[-1]) + 1  # whole groups only
        return PairedLosses.by_group(after[:count] - before[:count], own[:count])

    def units(self, indices: Array) -> int:
        """Return how many independent examples, or groups, there are among `indices`."""
        groups = self.dataset.groups
        return len(indices if groups is None else np.unique(groups[indices]))

    @property
    def unit(self) -> str:
        """What is independent of each other and counted."""
        return "example" if self.dataset.groups is None else "group"

    @property
    def least_units(self) -> int:
        """How many are needed for a certificate, even if no answer changes."""
        budget = self.budget
        if self.metric.is_exact and self.dataset.groups is None:
            return minimum_examples(budget.max_drop, budget.confidence)
        return losses_examples_needed(0.0, 0.0, budget.max_drop, budget.confidence) or 1


def check_truth(model: Model, dataset: Dataset, metric: Metric) -> None:
    """Raise unless the labels can be compared with what the model says.

    Raises:
        SettingError: the metric needs labels where there are none.
        DataError: the labels are of another kind than the model's answers, or out of range.
    """
    labels = dataset.labels
    if metric.needs_labels and labels is None:
        raise SettingError(
            "--metric",
            "data with labels",
            "data without",
            "add them, or certify without labels: `--metric agreement`.",
        )
    if labels is None or not isinstance(metric, (Accuracy, TopK)):
        return
    output = model.signature.outputs[0]
    is_text = output.datatype is Datatype.BYTES
    if (labels.dtype == object) is not is_text:
        raise DataError(
            f"{dataset.source}: label",
            "strings, as the model answers" if is_text else "whole numbers, as the model answers",
            "strings" if labels.dtype == object else str(labels.dtype),
            "number the classes from 0 in the order of the model's outputs.",
        )
    if is_text:
        return
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"{dataset.source}: label",
            "whole numbers, one class each",
            str(labels.dtype),
            "for a model that puts out numbers use `--metric within:TOLERANCE` or `error:LIMIT`.",
        )
    width = output.shape[-1] if len(output.shape) > 1 else None
    if np.dtype(output.datatype.numpy).kind == "f" and isinstance(width, int):
        check_labels(labels, max(width, 2))

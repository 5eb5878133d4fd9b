"""Labels on demand: only where the original and a variant disagree does a label say anything.

An example that both answer alike counts neither for nor against a variant, whatever its label.
So the certificate that a few labels give is, number for number, the one that all would have
given.
"""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np

from tradewind.bundle import Asked
from tradewind.data import Dataset
from tradewind.engines import OnnxRuntime
from tradewind.errors import OutputError, SettingError
from tradewind.measure import Accuracy, Agreement, Metric
from tradewind.search.certifying import OUT_OF_TIME, in_test_order
from tradewind.search.job import Job
from tradewind.search.labels import EXAMPLE, LABEL, differs
from tradewind.search.progress import Progress
from tradewind.search.timetable import original_until
from tradewind.search.trials import Trial
from tradewind.tensors import Array

_MAX_VALUES = 64
"""Examples of up to so many values are written out beside the place for their label."""


@final
@dataclass(frozen=True, eq=False)
class Questions:
    """Which examples need a label.

    Args:
        examples: int64[k], by their number in the data, in random order.
        looked_at: how many examples of the certify split were compared.
        pending: the variants that wait for the labels, in the order of their tests.
    """

    examples: Array = field(repr=False)
    looked_at: int
    pending: tuple[str, ...]

    @property
    def record(self) -> Asked:
        """What the bundle keeps of them."""
        return Asked(len(self.examples), self.looked_at)


def find_questions(
    job: Job, budget: int, baseline: Trial, trials: list[Trial], until: float, told: Progress
) -> Questions:
    """Return what must be labelled to test as many variants as the labelling budget allows.

    Variants are added in their order until one more would need too many labels; leaving out the
    last hypotheses of a fixed sequence costs nothing in validity.

    Args:
        job: what the search works on.
        budget: labels, at most.
        baseline: the original.
        trials: the variants in the order of their tests; what is left out is told why.
        until: the clock's reading at which all must have answered.
        told: what happens.
    """
    indices = in_test_order(job)
    now = job.deadline.clock()
    with OnnxRuntime().compile(job.model) as runner:
        latest = original_until(now, until, baseline, len(indices))
        original = job.answers(runner, indices, baseline.load, latest)
    indices = indices[: len(original)]
    asked = np.zeros(len(indices), np.bool_)
    pending: list[str] = []
    for number, trial in enumerate(trials):
        told.step(trial.name)
        with trial.plan.compile() as runner:
            answers = job.answers(runner, indices, trial.load, until)
        if len(answers) < len(indices):
            _leave_out(trials[number:], OUT_OF_TIME)
            break
        wanted = asked | differs(answers, original)
        if wanted.sum() > budget:
            _leave_out(trials[number:], f"{wanted.sum():,} labels would be needed to test it")
            break
        asked = wanted
        pending.append(trial.name)
    return Questions(indices[asked], len(indices), tuple(pending))


def _leave_out(trials: list[Trial], why: str) -> None:
    for trial in trials:
        trial.refusals.append(why)


def without_labels(metric: Metric, dataset: Dataset, budget: int) -> Metric:
    """Return what a search without labels compares, where some may be asked for in the end.

    Raises:
        SettingError: there are labels, the metric compares more than answers, or the budget is
            less than 1.
    """
    if budget < 1:
        raise SettingError("--label-budget", "1 or more", str(budget))
    if dataset.labels is not None:
        hint = "leave it out: all labels are there."
        raise SettingError("--label-budget", "data without labels", "data with labels", hint)
    if not isinstance(metric, Accuracy):
        hint = "every other promise needs all labels or none."
        raise SettingError("--label-budget", "--metric accuracy", metric.name, hint)
    return Agreement(metric.threshold)


def awaited(questions: Questions) -> str:
    """Say what is missing before anything can be certified."""
    if not questions.pending:
        return "nothing cheaper could be tested with so few labels"
    count = len(questions.examples)
    return (
        f"until {count:,} labels are there nothing can be certified; then "
        f"{', '.join(questions.pending)} can be"
    )


def write_questions(path: Path, dataset: Dataset, questions: Questions) -> None:
    """Write a table with an empty column for the labels.

    What the models answered is not in it: it must not sway who labels. Examples of few values
    are written out; of others there is only the number, counted from 0 as the data have them.

    Raises:
        OutputError: it cannot be written.
    """
    columns = _written_out(dataset, questions.examples)
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([EXAMPLE, LABEL, *columns])
            for row, number in enumerate(questions.examples.tolist()):
                writer.writerow([number, "", *(values[row] for values in columns.values())])
    except OSError as error:
        raise OutputError(str(path), "a file for the questions", error.strerror or "") from error


def _written_out(dataset: Dataset, examples: Array) -> dict[str, list[object]]:
    if not len(examples):
        return {}
    found: dict[str, list[object]] = {}
    for name, array in dataset.readable(examples).items():
        flat = array.reshape(len(array), -1)
        if flat.shape[1] > _MAX_VALUES:
            return {}
        for place in range(flat.shape[1]):
            title = name if flat.shape[1] == 1 else f"{name}[{place}]"
            found[title] = flat[:, place].tolist()
    return found

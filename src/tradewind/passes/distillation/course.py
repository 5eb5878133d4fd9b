"""The course of training: in what order, how fast, how long."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np

from tradewind.interpreter.pytorch import torch
from tradewind.passes.distillation.pace import Pace
from tradewind.passes.distillation.student import Student, Weights
from tradewind.passes.distillation.targets import Target, total_loss
from tradewind.passes.distillation.teaching import Teacher, Variants
from tradewind.tensors import Array, Tensors

_WARM = 0.15
"""Share of the course in which the learning rate rises."""
_LOOKS = 25
"""How often the held-out examples are looked at in one course, at most."""
_LOOKING = 0.1
"""Share of the time of learning that looking may take."""
_SETTLING = 512
"""Examples whose statistics a student settles on."""
_RUIN = 1.5
"""So many times the loss at the start mean that what there was is being unlearned."""
_SLOWER = 0.25
"""Share of the learning rate at which it then goes on from the best."""
_LEAST_RATE = 1e-3
"""Share of the learning rate below which nothing more is tried."""
_SAVE_S = 20.0
_PERFECT_LOSS = 1e-9
"""A student this close to its teacher has nothing to learn."""


@final
@dataclass(frozen=True)
class Standing:
    """How well a student answers held-out examples."""

    agreement: float  # share of equal classes, or of variance explained; the mean of all outputs
    loss: float

    @property
    def rank(self) -> tuple[float, float]:
        """What standings are ordered by; the larger is the better one."""
        return self.agreement, -self.loss


@final
@dataclass(frozen=True)
class Lessons:
    """What is learned from, in which order.

    Args:
        teacher: gives the answers.
        variants: gives the examples.
        count: how many variants of an example there are.
        rows: of the examples that are learned from.
        batch: examples in a step.
        piece: examples that are computed at once.
        seed: of the order.
    """

    teacher: Teacher
    variants: Variants
    count: int
    rows: Array
    batch: int
    piece: int
    seed: int

    @property
    def steps(self) -> int:
        """Steps in one round through the examples."""
        return max(len(self.rows) // self.batch, 1)

    def batches(self, first: int) -> Iterator[list[tuple[Tensors, Tensors]]]:
        """Yield the pieces of one batch after the other, without an end."""
        step = first
        while True:
            epoch, at = divmod(step, self.steps)
            order = np.random.default_rng([self.seed, epoch]).permutation(self.rows)
            rows = order[at * self.batch : (at + 1) * self.batch]
            yield [self.lesson(part, epoch % self.count) for part in pieces(rows, self.piece)]
            step += 1

    def lesson(self, rows: Array, variant: int) -> tuple[Tensors, Tensors]:
        """Return some examples with the teacher's answers."""
        inputs = self.variants.inputs(rows, variant)
        return inputs, self.teacher.answers(inputs, rows, variant)


def pieces(rows: Array, size: int) -> list[Array]:
    """Return rows in pieces of exactly one size; the last is filled up with the first rows."""
    whole = np.resize(rows, -(-len(rows) // size) * size)
    return [whole[at : at + size] for at in range(0, len(whole), size)]


@final
@dataclass(frozen=True)
class Exam:
    """Examples that are not learned from, with the teacher's answers.

    Args:
        lessons: to take them from.
        rows: which they are.
        targets: the outputs that count.
        temperature: of the loss.
    """

    lessons: Lessons
    rows: Array
    targets: Mapping[str, Target]
    temperature: float

    def standing(self, student: Student) -> Standing:
        """Return how well the student answers as it is now.

        Args:
            student: answers by what it has settled on.
        """
        got: dict[str, list[Array]] = {name: [] for name in self.targets}
        wanted: dict[str, list[Array]] = {name: [] for name in self.targets}
        for rows in pieces(self.rows, self.lessons.piece):
            inputs, answers = self.lessons.lesson(rows, 0)
            found = student.answers(inputs)
            for name in self.targets:
                got[name].append(found[name])
                wanted[name].append(answers[name].astype(np.float32))
        mine = {name: np.concatenate(parts)[: len(self.rows)] for name, parts in got.items()}
        theirs = {name: np.concatenate(parts)[: len(self.rows)] for name, parts in wanted.items()}
        if not all(np.isfinite(array).all() for array in mine.values()):
            return Standing(-math.inf, math.inf)
        agreement = np.mean(
            [one.agreement(mine[name], theirs[name]) for name, one in self.targets.items()]
        )
        tensors = {name: torch.from_numpy(array) for name, array in mine.items()}
        loss = total_loss(self.targets, tensors, theirs, self.temperature)
        return Standing(float(agreement), float(loss))


@final
@dataclass(frozen=True)
class Progress:
    """How far a course has come.

    Args:
        at: steps taken.
        spent_s: time taken.
        first: how the student stood before.
        best: the same at its best.
        rate: highest learning rate of this cycle, as a share of that of the first.
        since: share of the course at which this cycle began.
    """

    at: int
    spent_s: float
    first: Standing
    best: Standing
    rate: float = 1.0
    since: float = 0.0


@final
@dataclass(frozen=True)
class Course:
    """How a student is trained.

    Args:
        lessons: what it learns from.
        exam: what tells how far it has come.
        steps: how many there are at most.
        time_s: how long it may take.
        rate: highest learning rate.
        checkpoint: a file to go on from; None for none.
        key: what the file must belong to.
    """

    lessons: Lessons
    exam: Exam
    steps: int
    time_s: float
    rate: float
    checkpoint: Path | None
    key: str

    def run(self, student: Student, pace: Pace) -> Progress:
        """Train a student; it ends with the weights that answered best, the first among them."""
        done, best = self._start(student)
        began = saved = time.monotonic() - done.spent_s
        looked, asked = self._share(done), done.at
        # an example that is looked at costs a third of one that is learned from
        pause = (len(self.exam.rows) + _SETTLING) / (3 * _LOOKING * self.lessons.batch)
        for batches in self.lessons.batches(done.at):
            done = replace(done, spent_s=time.monotonic() - began)
            share = self._share(done)
            is_over = share >= 1 or done.rate < _LEAST_RATE or done.best.loss < _PERFECT_LOSS
            is_due = done.at - asked >= pause and int(share * _LOOKS) > int(looked * _LOOKS)
            if is_over or is_due:
                looked = share
                found = self._standing(student) if done.at else done.first
                asked = done.at
                if found.rank > done.best.rank:
                    done, best = replace(done, best=found), student.weights()
                elif found.loss > _RUIN * done.first.loss:
                    student.go_back(best)
                    done = replace(done, rate=_SLOWER * done.rate, since=share)
            if is_over:
                break
            if self.checkpoint is not None and time.monotonic() - saved > _SAVE_S:
                saved = time.monotonic()
                self._save(student, done, best)
            place = (share - done.since) / (1 - done.since)
            student.learn(batches, self.rate * done.rate * one_cycle(place), pace)
            done = replace(done, at=done.at + 1)
        student.restore(best)
        if self.checkpoint is not None:
            self.checkpoint.unlink(missing_ok=True)
        return done

    def _standing(self, student: Student) -> Standing:
        rows = self.lessons.rows[:_SETTLING]
        student.settle(
            self.lessons.variants.inputs(part, 0) for part in pieces(rows, self.lessons.piece)
        )
        return self.exam.standing(student)

    def _share(self, done: Progress) -> float:
        """Return how much of the course is over, by steps or by time."""
        return max(done.at / self.steps, done.spent_s / max(self.time_s, 1e-9))

    def _start(self, student: Student) -> tuple[Progress, Weights]:
        """Return where to go on with the best weights so far: a checkpoint's, or the beginning."""
        if self.checkpoint is not None and self.checkpoint.exists():
            state = student.load(self.checkpoint, self.key)
            if state is not None:
                first, best = (Standing(*state[name]) for name in ("first", "best"))
                at, spent_s, rate, since = (
                    state[name] for name in ("at", "spent_s", "rate", "since")
                )
                return Progress(at, spent_s, first, best, rate, since), state["best_weights"]
        standing = self.exam.standing(student)
        return Progress(0, 0.0, standing, standing), student.weights()

    def _save(self, student: Student, done: Progress, best: Weights) -> None:
        assert self.checkpoint is not None
        student.save(
            self.checkpoint,
            self.key,
            {
                "at": done.at, "spent_s": done.spent_s, "rate": done.rate, "since": done.since,
                "best_weights": best,
                "first": (done.first.agreement, done.first.loss),
                "best": (done.best.agreement, done.best.loss),
            },
        )  # fmt: skip


def one_cycle(share: float) -> float:
    """Return the learning rate at some share of the course, as a share of the highest.

    It rises along a line, then falls to zero along half a cosine (Smith and Topin 2018).
    """
    if share < _WARM:
        return 0.05 + 0.95 * share / _WARM
    return 0.5 * (1 + math.cos(math.pi * min((share - _WARM) / (1 - _WARM), 1.0)))

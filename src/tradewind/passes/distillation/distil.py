"""Training by the original's answers, without labels."""

import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal, final

import numpy as np

from tradewind.errors import EngineError, PassError, SettingError
from tradewind.interpreter import TorchGraph
from tradewind.interpreter.pytorch import torch
from tradewind.model import Model
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.distillation.course import Course, Exam, Lessons, Progress, pieces
from tradewind.passes.distillation.features import with_features
from tradewind.passes.distillation.memory import Footprint, free_bytes, saved_bytes
from tradewind.passes.distillation.pace import Pace, find_pace, using
from tradewind.passes.distillation.student import Optimizer, Student
from tradewind.passes.distillation.targets import Target, find_targets
from tradewind.passes.distillation.teaching import (
    Answer,
    Teacher,
    Variants,
    choose_augmentations,
    fastest,
    in_batches,
)
from tradewind.passes.distillation.unfolding import Unfolded, unfold
from tradewind.tensors import Array, Tensors

_NORMALIZED_RATE = 4.0
"""How many times as fast a student can learn whose convolutions are normalized."""
_LEAST_NORMALIZED = 16
"""Examples computed at once below which their statistics say too little."""
_PROBE = 256
"""Examples that are looked at before training."""
_LAYOUT = 2
"""Of a checkpoint: one with another layout is not taken."""
_HELD, _MOST_HELD = 0.1, 1000
"""Share of the examples that are not learned from, and how many of them at most."""
_MEASURED = 2_000
"""Examples times rounds below which measuring what is fastest takes longer than it saves."""
_MOST_KEPT = 512_000_000
"""Bytes of inner values that are kept for all examples and their variants."""
_TIMED = 32
"""Examples in a step that is measured."""


@final
@dataclass(frozen=True)
class Distil(Pass):
    """Train the weights to answer as the original does (knowledge distillation).

    No labels are needed: the teacher is `Observed.original`, or the model itself where there is
    none. A tenth of the examples is not learned from; the weights that agree best with the
    teacher on them are kept, and those that were given count as well, so that agreement there
    never falls. Where the loss on them grows beyond one and a half times that at the start,
    training goes back to the best weights and on at a quarter of the rate. Weights of a quantized
    graph are trained with their rounding.
    """

    name: ClassVar[str] = "distil"
    is_lossless: ClassVar[bool] = False

    time_s: float = 300.0  # of the whole pass; the learning rate is planned for it
    epochs: int = 60  # rounds through the examples, at most
    examples: int = 20_000
    batch: int = 64
    learning_rate: float = 5e-4  # highest of the cycle; a tenth where weights are rounded
    optimizer: Optimizer = "adamw"
    temperature: float = 4.0  # of the softmax over class scores
    feature_weight: float = 10.0  # of the loss at what the last layer reads, if class scores follow
    augment: bool = True  # variants of inputs, where the teacher answers them as it does the input
    variants: int = 8  # of each example, the example among them; their answers are kept
    normalize: bool = True  # what convolutions compute, by batch, while they learn
    precision: Literal["measured", "f32"] = "measured"  # measured: bf16 products where faster
    device: Literal["auto", "cpu"] = "auto"  # auto: a GPU where there is one
    seed: int = 0
    checkpoint: str = ""  # a file to go on from after an interruption; removed at the end

    def __post_init__(self) -> None:
        positive = {
            "time_s": self.time_s, "epochs": self.epochs, "examples": self.examples,
            "batch": self.batch, "temperature": self.temperature, "variants": self.variants,
            "learning_rate": self.learning_rate,
        }  # fmt: skip
        for name, value in positive.items():
            if not (value > 0 and math.isfinite(value)):
                raise SettingError(name, "more than 0", str(value))
        for name, least in {"seed": self.seed, "feature_weight": self.feature_weight}.items():
            if not (least >= 0 and math.isfinite(least)):
                raise SettingError(name, "0 or more", str(least))

    def needs(self, model: Model) -> Needs:
        return Needs(examples=self.examples)

    def apply(self, model: Model, seen: Observed) -> Change:
        try:
            return Training(self, model, seen).run()
        except EngineError as error:
            raise PassError(
                f"{model.origin.source}: {error.where}", error.expected, error.got, error.hint
            ) from error

    @property
    def label(self) -> str:
        plain = Distil()
        named = {
            "time_s": f"{self.time_s:g} s", "epochs": f"{self.epochs} epochs",
            "examples": f"{self.examples} examples", "batch": f"batch {self.batch}",
            "learning_rate": f"rate {self.learning_rate:g}", "optimizer": self.optimizer,
            "temperature": f"temperature {self.temperature:g}",
            "feature_weight": f"features {self.feature_weight:g}", "augment": "no variants",
            "variants": f"{self.variants} variants", "normalize": "not normalized",
            "precision": self.precision,
            "device": self.device, "seed": f"seed {self.seed}",
            "checkpoint": f"into {Path(self.checkpoint).name}",
        }  # fmt: skip
        notes = [
            text for name, text in named.items() if getattr(self, name) != getattr(plain, name)
        ]
        return " ".join(["distil", *([f"({', '.join(notes)})"] if notes else [])])


@final
class Training:
    """One application of the pass.

    Args:
        settings: of the pass.
        model: the student before.
        seen: the examples, with the teacher.
    """

    def __init__(self, settings: Distil, model: Model, seen: Observed) -> None:
        self._settings = settings
        self._model = model
        self._seen = seen
        self._where = model.origin.source
        self._began = time.monotonic()
        self._device = "cuda" if settings.device == "auto" and _has_gpu() else "cpu"

    def run(self) -> Change:
        """Train, and return the better model with what happened."""
        settings, fixed = self._settings, self._model.signature.fixed_batch
        self._check()
        graph = self._graph(self._model)
        if not graph.parameters:
            raise PassError(self._where, "an operator with weights", "none")
        teacher = self._seen.original or self._model
        if teacher.digest == self._model.digest:
            return Change(self._model, "nothing to learn: the model is its own original")
        piece = fixed or min(settings.batch, len(self._seen))
        rows = np.random.default_rng(settings.seed).permutation(len(self._seen))
        held = rows[: max(min(int(_HELD * len(rows)), _MOST_HELD), 1)]
        probe = rows[:_PROBE]
        plain = Variants(self._seen, {}, settings.seed)
        first = plain.inputs(np.resize(rows, piece), 0)
        teacher, features = self._features(teacher, first)
        with fastest(teacher, first) as runner:
            answer = in_batches(runner, piece)
            targets = find_targets(answer(plain.inputs(probe, 0)), plain.inputs(probe, 0))
            targets = {name: one for name, one in targets.items() if name not in features}
            if all(one.kind == "values" for one in targets.values()):
                features = {}  # measured for classes only
            if not targets:
                raise PassError(self._where, "an output of floating-point numbers", "none")
            student = Student(
                graph, self._device, settings.optimizer, targets, features, settings.temperature,
                self._unfolded(graph, plain, rows, piece),
            )  # fmt: skip
            kept = (*targets, *features)
            variants, count = self._variants(answer, probe, targets)
            footprint = self._footprint(student, answer, rows[:1], kept, count)
            size = footprint.batch_within(piece, free_bytes(self._device), self._where)
            lessons = Lessons(
                Teacher(answer, variants, kept), variants, count,
                rows[len(held) :] if len(rows) > len(held) else rows,
                settings.batch, fixed or size, settings.seed,
            )  # fmt: skip
            return self._trained(
                student, lessons, Exam(lessons, held, targets, settings.temperature)
            )

    def _trained(self, student: Student, lessons: Lessons, exam: Exam) -> Change:
        settings = self._settings
        rate = settings.learning_rate * (0.1 if _is_quantized(self._model) else 1.0)
        rate *= _NORMALIZED_RATE if student.is_normalized else 1.0
        pace = self._pace(student, lessons)
        left_s = max(settings.time_s - (time.monotonic() - self._began), 0.0)
        course = Course(
            lessons, exam, settings.epochs * lessons.steps, left_s, rate,
            Path(settings.checkpoint) if settings.checkpoint else None, self._key(),
        )  # fmt: skip
        with using(pace):
            done = course.run(student, pace)
        return Change(student.graph.to_model(), _told(done, pace, lessons))

    def _graph(self, model: Model) -> TorchGraph:
        return TorchGraph(model, device=self._device, float_name=_float_name(self._model))

    def _unfolded(
        self, graph: TorchGraph, variants: Variants, rows: Array, piece: int
    ) -> Unfolded | None:
        """Return the student as it learns, where batches of its own size can be normalized."""
        wants = self._settings.normalize and not _is_quantized(self._model)
        if not wants or piece < _LEAST_NORMALIZED:
            return None
        batches = (
            {name: torch.from_numpy(array) for name, array in variants.inputs(part, 0).items()}
            for part in pieces(rows[:_PROBE], piece)
        )
        return unfold(self._model, graph, batches, self._graph)

    def _check(self) -> None:
        if not len(self._seen):
            raise PassError(self._where, "examples to learn from", "none")
        original = self._seen.original
        if original is not None and original.signature != self._model.signature:
            raise PassError(
                self._where, f"the signature of {original.origin.source}", "another one"
            )
        fixed = self._model.signature.fixed_batch
        if fixed is not None and len(self._seen) < fixed:
            raise PassError(self._where, f"{fixed} examples", f"{len(self._seen)}")

    def _features(self, teacher: Model, inputs: Tensors) -> tuple[Model, dict[str, Target]]:
        """Return the teacher, and what it shows besides its answers."""
        settings = self._settings
        if not settings.feature_weight or _is_quantized(self._model):
            return teacher, {}
        kept = len(self._seen) * settings.variants * np.dtype(np.float32).itemsize
        shown, features = with_features(teacher, self._model, inputs, _MOST_KEPT // kept)
        return shown, {
            name: replace(one, weight=settings.feature_weight) for name, one in features.items()
        }

    def _variants(
        self, answer: Answer, probe: Array, targets: Mapping[str, Target]
    ) -> tuple[Variants, int]:
        """Return what is made of the examples, and in how many forms."""
        settings = self._settings
        found = (
            choose_augmentations(answer, self._seen, probe, targets, settings.seed)
            if settings.augment and settings.variants > 1
            else {}
        )
        is_any = any(one.changes for one in found.values())
        return Variants(self._seen, found, settings.seed), settings.variants if is_any else 1

    def _footprint(
        self,
        student: Student,
        answer: Answer,
        row: Array,
        kept_outputs: Sequence[str],
        count: int,
    ) -> Footprint:
        """Return the memory that training will take, found out on one example."""
        fixed = self._model.signature.fixed_batch or 1
        inputs = Variants(self._seen, {}, 0).inputs(np.resize(row, fixed), 0)
        wanted = answer(inputs)
        plain = Pace(torch.get_num_threads(), is_bf16=False)
        kept = saved_bytes(lambda: student.loss(inputs, wanted, plain))
        weights = sum(one.numel() * one.element_size() for one in student.learned.values())
        answers = sum(wanted[name].nbytes for name in kept_outputs) // fixed
        return Footprint(6 * weights, kept // fixed, answers * len(self._seen) * count)

    def _pace(self, student: Student, lessons: Lessons) -> Pace:
        """Return the fastest way to compute, measured where the training is long enough."""
        if self._settings.epochs * len(lessons.rows) < _MEASURED:
            return Pace(torch.get_num_threads(), is_bf16=False)
        size = self._model.signature.fixed_batch or min(lessons.piece, _TIMED)
        inputs, wanted = lessons.lesson(np.resize(lessons.rows, size), 0)

        def step(pace: Pace) -> None:
            student.loss(inputs, wanted, pace).backward()
            for parameter in student.learned.values():
                parameter.grad = None

        may_bf16 = self._settings.precision == "measured" and not _is_quantized(self._model)
        return find_pace(step, may_bf16, self._device)

    def _key(self) -> str:
        """Return what tells this training from others."""
        digest = hashlib.sha256(f"{_LAYOUT} {self._model.digest}".encode())
        digest.update((self._seen.original or self._model).digest.encode())
        digest.update(repr(sorted(asdict(self._settings).items())).encode())
        for name, array in self._seen.inputs.items():
            digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def _told(done: Progress, pace: Pace, lessons: Lessons) -> str:
    changes = sorted(
        {word for one in lessons.variants.augmentations.values() for word in one.changes}
    )
    parts = [
        f"held-out agreement {done.first.agreement:.2%} became {done.best.agreement:.2%}",
        f"{done.at} steps of {min(lessons.batch, len(lessons.rows))} in {done.spent_s:.0f} s",
        *([", ".join(changes)] if lessons.count > 1 else []),
        *(["bf16"] if pace.is_bf16 else []),
    ]
    return "; ".join(parts)


def _is_quantized(model: Model) -> bool:
    return any("Quantize" in node.op_type for node in model.graph.graph.all_nodes())


def _float_name(model: Model) -> str:
    """Return the type to train in: half precision has too few bits for small steps."""
    kinds = {
        value.const_value.dtype.name
        for value in model.graph.graph.initializers.values()
        if value.const_value is not None
    }
    return "float32" if kinds & {"FLOAT16", "BFLOAT16"} else ""


def _has_gpu() -> bool:
    return bool(torch.cuda.is_available())

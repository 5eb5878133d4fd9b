"""Counting for one model."""

import itertools
import time
from collections import Counter
from collections.abc import Callable

import numpy as np

from tradewind.serve.observing.counts import About, ModelCounts, Spent
from tradewind.serve.observing.histogram import SECONDS, Histogram
from tradewind.serve.observing.statistics import ModelStatistics, statistics
from tradewind.serve.refusals import Reason

_FOLDED = 512


class ModelMetrics:
    """What is counted for one version of a model. Only the event loop may touch it.

    Args:
        running: returns how many requests are being answered.
        waiting: returns how many requests are queued.
        by_stage: returns how many examples each stage of a cascade has answered.
        about: what is counted.
        spent_by_stage: returns how many seconds each stage of a cascade has computed.
        resident_bytes: returns how much memory the model is known to take; 0 when nobody knows.
    """

    def __init__(
        self,
        running: Callable[[], int],
        waiting: Callable[[], int],
        by_stage: Callable[[], tuple[int, ...]] = tuple,
        about: About | None = None,
        resident_bytes: Callable[[], int] = int,
        spent_by_stage: Callable[[], tuple[float, ...]] = tuple,
    ) -> None:
        self.running = running
        self.waiting = waiting
        self.by_stage = by_stage
        self.spent_by_stage = spent_by_stage
        self.about = about or About()
        self.resident_bytes = resident_bytes
        self.sequences: Callable[[], int] = int  # that are remembered
        self.sequence_bytes: Callable[[], int] = int  # of their states
        self.answered = 0
        self.failed = 0
        self.refused: Counter[Reason] = Counter()
        self.queue = Histogram.of(SECONDS)
        self.compute = Histogram.of(SECONDS)
        self.total = Histogram.of(SECONDS)
        self.unanswered = Spent()
        self.cache_hits = Spent()
        self.cache_misses = Spent()
        self._waited_s = 0.0
        self._examples = 0
        self._translated = 0
        self._decode_s = 0.0
        self._encode_s = 0.0
        self._batches: dict[int, Spent] = {}
        self._pending: list[tuple[float, ...]] = []  # answers not yet in the histograms
        self._last_s = 0.0

    def count_answer(
        self,
        queue_s: float,
        compute_s: float,
        total_s: float,
        read_s: float = 0.0,
        examples: int = 1,
        together: int = 0,
    ) -> None:
        """Count one request that was answered.

        A batch is known only by the requests in it. Each adds its own examples, and its own
        share of the time, to the batches of its size: a batch of 8 adds 8, whoever sent them.

        Args:
            queue_s: from its arrival to the start of its computation.
            compute_s: inside the model, with those it was computed together with.
            total_s: from its arrival until now.
            read_s: from its arrival until it was understood.
            examples: in this request.
            together: examples computed at once, 0 for this request alone.
        """
        self.answered += 1
        self._last_s = time.time()
        pending = self._pending
        pending.append((queue_s, compute_s, total_s, read_s, examples, together))
        if len(pending) >= _FOLDED:
            self._fold()

    def count_hit(self, seconds: float) -> None:
        """Count one request that was answered without asking the model."""
        self.answered += 1
        self.cache_hits.observe(seconds)
        self.total.observe(seconds)
        self._last_s = time.time()

    def count_translation(self, decode_s: float, encode_s: float) -> None:
        """Count what one request took from bytes to tensors, and its response back."""
        self._translated += 1
        self._decode_s += decode_s
        self._encode_s += encode_s

    def _fold(self) -> None:
        """Sort what is pending into the histograms, hundreds at once: a fifth of the time."""
        if not self._pending:
            return
        queue_s, compute_s, total_s, read_s, examples, together = (
            np.fromiter(itertools.chain.from_iterable(self._pending), float, 6 * len(self._pending))
            .reshape(-1, 6)
            .T
        )
        self._pending.clear()
        self.queue.observe_all(queue_s)
        self.compute.observe_all(compute_s)
        self.total.observe_all(total_s)
        self._waited_s += float((queue_s - read_s).sum())
        self._examples += int(examples.sum())
        sizes, of_size = np.unique(
            np.where(together > 0, together, np.maximum(examples, 1)), return_inverse=True
        )
        seconds = np.bincount(of_size, compute_s * examples)
        for size, count, spent_s in zip(
            sizes, np.bincount(of_size, examples), seconds, strict=True
        ):
            self._batches.setdefault(int(size), Spent()).add(Spent(int(count), float(spent_s)))

    def counts(self) -> ModelCounts:
        """Return everything as it stands; the histograms in it go on counting."""
        self._fold()
        return ModelCounts(
            about=self.about,
            answered=self.answered,
            failed=self.failed,
            examples=self._examples,
            running=self.running(),
            waiting=self.waiting(),
            resident_bytes=self.resident_bytes(),
            sequences=self.sequences(),
            sequence_bytes=self.sequence_bytes(),
            refused=dict(self.refused),
            stages=list(self.by_stage()),
            stage_seconds=list(self.spent_by_stage()),
            waited=Spent(self.answered - self.cache_hits.count, self._waited_s),
            last_answer_s=self._last_s,
            queue=self.queue,
            compute=self.compute,
            total=self.total,
            unanswered=self.unanswered,
            decoding=Spent(self._translated, self._decode_s),
            encoding=Spent(self._translated, self._encode_s),
            cache_hits=self.cache_hits,
            cache_misses=self.cache_misses,
            batches=self._batches,
        )

    def statistics(self) -> ModelStatistics:
        """Return what the protocol's statistics extension tells."""
        return statistics(self.counts())

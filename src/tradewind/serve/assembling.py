"""From a model to an endpoint: threads, queue and counts around a runner."""

from dataclasses import dataclass
from typing import final

from tradewind.serve.admission import Admission
from tradewind.serve.batching import Compute, Threads
from tradewind.serve.caching import Cache, Cached
from tradewind.serve.endpoint import Endpoint
from tradewind.serve.messages import Answer, Stream
from tradewind.serve.observing import About, ModelMetrics
from tradewind.serve.security import Gate, Metered
from tradewind.serve.sequences.sequenced import Sequenced
from tradewind.serve.served import ServedModel
from tradewind.serve.settings import Settings
from tradewind.serve.shapes import InputRules


@final
@dataclass(frozen=True)
class Assembled:
    """An endpoint with the threads that compute for it."""

    endpoint: Endpoint
    threads: Threads
    sequenced: Sequenced | None = None  # of a model with states

    @property
    def is_remembering(self) -> bool:
        """Whether sequences have begun that would be lost with it."""
        return self.sequenced is not None and self.sequenced.live > 0

    def close(self) -> None:
        """Let the threads end, and forget every sequence."""
        self.threads.close()
        if self.sequenced is not None:
            self.sequenced.close()


class Assembler:
    """Puts a queue and threads around models, and keeps their counts when they come again.

    Args:
        settings: how much each model takes on.
        gate: knows how much each client may ask for.
    """

    def __init__(self, settings: Settings, gate: Gate) -> None:
        self._settings = settings
        self._gate = gate
        self._cache = Cache(settings.caching) if settings.caching.max_bytes else None
        self._metrics: dict[tuple[str, str], ModelMetrics] = {}
        self._newest: dict[tuple[str, str], Endpoint] = {}

    @property
    def metrics(self) -> list[ModelMetrics]:
        """The counts of every model that was ever assembled: counters never go backwards."""
        return list(self._metrics.values())

    def assemble(self, model: ServedModel, resident_bytes: int = 0) -> Assembled:
        """Return an endpoint that answers for `model`.

        Args:
            model: warm already.
            resident_bytes: what it takes in memory; 0 when nobody measured.
        """
        settings = self._settings
        computing = Threads(settings.concurrency, f"tradewind-compute-{model.name}")
        batching = settings.batching.of(model.name)
        recurrence = model.recurrence
        runner = model.runner if recurrence is None else recurrence.runner(model.runner)
        admission = Admission(
            model.name,
            Compute(runner, computing, model.name, is_joining=batching.enabled),
            settings.concurrency,
            settings.max_queue,
            settings.request_timeout_s,
            batching,
            settings.max_queue_bytes,
        )
        metrics = self._counts(model, admission, resident_bytes)
        rules = InputRules(model.signature, settings.max_batch)
        gate = self._gate
        answer: Answer = admission
        stream: Stream | None = None
        sequenced = None
        if recurrence is not None:
            sequenced = Sequenced(
                admission,
                recurrence,
                settings.sequences,
                model.name,
                settings.request_timeout_s,
                is_apart=gate.is_locked,
            )
            answer, stream = sequenced, sequenced.stream
            _count_sequences(metrics, admission, sequenced)
        if self._cache is not None:
            answer = Cached(answer, self._cache, model.digest, metrics)
        if gate.is_locked:
            metered = Metered(answer, gate.allowances, stream)
            answer, stream = metered, stream and metered.stream
        endpoint = Endpoint(model, rules, answer, metrics, stream)
        endpoint.sequence_idle_s = settings.sequences.idle_s
        self._newest[model.name, model.version] = endpoint
        return Assembled(endpoint, computing, sequenced)

    def release(self, assembled: Assembled) -> None:
        """Let go of a model that nobody asks any more; its counts stay."""
        assembled.close()
        model = assembled.endpoint.model
        if self._newest.get((model.name, model.version)) is not assembled.endpoint:
            return  # another has taken its place, and counts there
        del self._newest[model.name, model.version]
        metrics = assembled.endpoint.metrics
        stages, spent_s = metrics.by_stage(), metrics.spent_by_stage()
        metrics.by_stage, metrics.spent_by_stage = lambda: stages, lambda: spent_s
        metrics.running = metrics.waiting = metrics.resident_bytes = int
        metrics.sequences = metrics.sequence_bytes = int

    def _counts(
        self, model: ServedModel, admission: Admission, resident_bytes: int
    ) -> ModelMetrics:
        key, runner = (model.name, model.version), model.runner
        metrics = self._metrics.get(key)
        if metrics is None:
            metrics = self._metrics[key] = ModelMetrics(int, int)
        base, base_s = metrics.by_stage(), metrics.spent_by_stage()
        if len(base) != len(runner.answered):
            base, base_s = (0,) * len(runner.answered), (0.0,) * len(runner.spent_s)
        metrics.running = lambda: admission.running
        metrics.waiting = lambda: admission.waiting
        metrics.by_stage = lambda: tuple(map(sum, zip(base, runner.answered, strict=True)))
        metrics.spent_by_stage = lambda: tuple(map(sum, zip(base_s, runner.spent_s, strict=True)))
        metrics.about = About(model.name, model.version, model.variant, model.platform)
        metrics.resident_bytes = lambda: resident_bytes
        return metrics


def _count_sequences(metrics: ModelMetrics, admission: Admission, sequenced: Sequenced) -> None:
    metrics.waiting = lambda: admission.waiting + sequenced.waiting
    metrics.sequences = lambda: sequenced.live
    metrics.sequence_bytes = lambda: sequenced.live_bytes

"""What is counted for a model, in the words of the protocol's statistics extension.

The names are those of its JSON and its messages: `msgspec.to_builtins` gives either.
"""

from typing import final

from msgspec import Struct, field

from tradewind.serve.observing.counts import ModelCounts, Spent


@final
class Duration(Struct, frozen=True):
    """How often something happened, and the nanoseconds it took altogether."""

    count: int = 0
    ns: int = 0


@final
class InferStatistics(Struct, frozen=True):
    """Where the time of requests went."""

    success: Duration  # cache hits included
    fail: Duration  # refused or broken, once the request was understood
    queue: Duration
    compute_input: Duration  # bytes to tensors
    compute_infer: Duration
    compute_output: Duration  # tensors to bytes
    cache_hit: Duration
    cache_miss: Duration


@final
class BatchStatistics(Struct, frozen=True):
    """The computations with one number of examples."""

    batch_size: int
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration


@final
class MemoryUsage(Struct, frozen=True):
    """Memory of one kind that a model takes."""

    type: str
    id: int
    byte_size: int


@final
class ModelStatistics(Struct, frozen=True):
    """One version of a model."""

    name: str
    version: str
    last_inference: int  # milliseconds since 1970, 0 for never
    inference_count: int  # examples, without cache hits
    execution_count: int  # computations
    inference_stats: InferStatistics
    batch_stats: list[BatchStatistics]
    memory_usage: list[MemoryUsage] = field(default_factory=list)


def statistics(counts: ModelCounts) -> ModelStatistics:
    """Return what was counted as the protocol tells it."""
    computed = counts.answered - counts.cache_hits.count
    success = Spent(counts.answered, counts.total.total)
    batches = sorted(counts.executions.items())
    resident = counts.resident_bytes
    return ModelStatistics(
        name=counts.about.model,
        version=counts.about.version,
        last_inference=int(counts.last_answer_s * 1e3),
        inference_count=counts.examples,
        execution_count=round(sum(number for _, (number, _) in batches)),
        inference_stats=InferStatistics(
            success=_duration(success),
            fail=_duration(counts.unanswered),
            queue=_duration(counts.waited),
            compute_input=_duration(counts.decoding),
            compute_infer=_duration(Spent(computed, counts.compute.total)),
            compute_output=_duration(counts.encoding),
            cache_hit=_duration(counts.cache_hits),
            cache_miss=_duration(counts.cache_misses),
        ),
        batch_stats=[
            BatchStatistics(
                size,
                Duration(round(number)),
                Duration(round(number), _ns(seconds)),
                Duration(round(number)),
            )
            for size, (number, seconds) in batches
        ],
        memory_usage=[MemoryUsage("CPU", 0, resident)] if resident else [],
    )


def _duration(spent: Spent) -> Duration:
    return Duration(spent.count, _ns(spent.seconds))


def _ns(seconds: float) -> int:
    return max(0, round(seconds * 1e9))

import json
import random

import msgspec
import pytest

from tradewind.serve.observing import About, ModelMetrics, ServerMetrics, merged, statistics
from tradewind.serve.refusals import Reason

M = About("m", "3", "int8", "test")


def counting(about: About = M) -> ModelMetrics:
    return ModelMetrics(
        lambda: 1, lambda: 2, lambda: (4, 1), about, lambda: 1000, lambda: (0.5, 2.0)
    )


def shown(models: list[ModelMetrics]) -> ServerMetrics:
    return ServerMetrics(lambda: models, lambda: True, "1", dropped=lambda: {"span": 3})


def test_every_duration_has_its_count_and_nanoseconds() -> None:
    model = counting()
    model.count_answer(0.5, 2.0, 3.0, read_s=0.25, examples=4)
    model.count_translation(0.125, 0.0625)
    model.unanswered.observe(8.0)
    model.count_hit(0.001)
    model.cache_misses.observe(0.002)
    told = msgspec.to_builtins(model.statistics())
    assert told["name"] == "m"
    assert told["version"] == "3"
    assert told["last_inference"] > 1.6e12
    assert (told["inference_count"], told["execution_count"]) == (4, 1)
    assert told["inference_stats"] == {
        "success": {"count": 2, "ns": 3_001_000_000},
        "fail": {"count": 1, "ns": 8_000_000_000},
        "queue": {"count": 1, "ns": 250_000_000},
        "compute_input": {"count": 1, "ns": 125_000_000},
        "compute_infer": {"count": 1, "ns": 2_000_000_000},
        "compute_output": {"count": 1, "ns": 62_500_000},
        "cache_hit": {"count": 1, "ns": 1_000_000},
        "cache_miss": {"count": 1, "ns": 2_000_000},
    }
    assert told["memory_usage"] == [{"type": "CPU", "id": 0, "byte_size": 1000}]


def test_batches_are_counted_by_the_requests_in_them() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    draw = random.Random(seed)
    model = counting()
    batches = [[draw.randint(1, 5) for _ in range(draw.randint(1, 6))] for _ in range(200)]
    for batch in batches:
        for examples in batch:
            model.count_answer(0.0, 0.01, 0.02, 0.0, examples, sum(batch))
    told = model.statistics()
    assert told.inference_count == sum(map(sum, batches))
    assert told.execution_count == len(batches)
    for one in told.batch_stats:
        count = sum(sum(batch) == one.batch_size for batch in batches)
        assert one.compute_infer.count == count
        # seconds are added in another order than here
        assert one.compute_infer.ns == pytest.approx(count * 10_000_000, abs=1000)
    sizes = model.counts().batch_sizes()
    assert sum(sizes.counts) == len(batches)
    assert sizes.total == told.inference_count


def test_a_model_that_was_never_asked_has_zeros() -> None:
    told = counting().statistics()
    assert (told.last_inference, told.inference_count, told.execution_count) == (0, 0, 0)
    assert told.batch_stats == []


def test_what_two_processes_counted_adds_up() -> None:
    one, two = counting(), counting()
    other = counting(About("other", "1"))
    whole = counting()
    for number, model in enumerate((one, two, two)):
        for counter in (model, whole):
            counter.count_answer(0.1, 0.2 * number, 0.3, 0.0, 2, 4)
            counter.refused[Reason.QUEUE_FULL] += 1
    servers = [shown([one]), shown([two, other])]
    servers[0].refused_elsewhere[Reason.NOT_FOUND] += 1
    servers[1].refused_elsewhere[Reason.NOT_FOUND] += 2
    sent = [json.loads(json.dumps(server.snapshot())) for server in servers]
    together = merged(sent)
    assert [counts.about.model for counts in together.models] == ["m", "other"]
    assert together.refused_elsewhere == {Reason.NOT_FOUND: 3}
    assert together.dropped == {"span": 6}
    found, wanted = together.models[0], whole.counts()
    assert found.refused == wanted.refused
    assert (found.running, found.waiting, found.stages) == (2, 4, [8, 2])
    assert found.stage_seconds == [1.0, 4.0]
    assert found.compute.counts == wanted.compute.counts
    assert found.last_answer_s == two.counts().last_answer_s
    assert statistics(found).inference_stats == statistics(wanted).inference_stats


def test_a_server_shows_what_its_other_processes_counted() -> None:
    one, two = counting(), counting()
    two.count_answer(0.1, 0.2, 0.3)
    other = ServerMetrics(lambda: [two], lambda: True, "1")
    shown = ServerMetrics(lambda: [one], lambda: True, "1", processes=lambda: [other.snapshot()])
    line = b'tradewind_requests_answered_total{model="m",version="3"} 1.0'
    assert line in shown.text().splitlines()

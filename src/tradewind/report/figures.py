"""What the pictures of a report show, taken from its manifest."""

from collections.abc import Callable
from dataclasses import dataclass

from tradewind.budget import Objective
from tradewind.bundle import Estimate, Manifest, VariantRecord
from tradewind.report import numbers, sentences
from tradewind.report.chart import Scene
from tradewind.report.latency_chart import Bar
from tradewind.report.plane import Point
from tradewind.report.standing import in_order, role


@dataclass(frozen=True)
class _Cost:
    """What an objective wants small or large."""

    title: str
    unit: str
    value: Callable[[VariantRecord], float | None]
    guess: Callable[[Estimate], float | None]  # from a quick look
    better: str  # the side on which better variants are


_COSTS: dict[Objective, _Cost] = {
    "latency": _Cost(
        "Latency of one request (p50)",
        "ms",
        lambda one: None if one.latency_ms is None else one.latency_ms.p50,
        lambda quick: quick.latency_ms,
        "left",
    ),
    "throughput": _Cost(
        "Throughput",
        "results/s",
        lambda one: one.throughput_per_s,
        lambda quick: quick.throughput_per_s,
        "right",
    ),
    "memory": _Cost(
        "Peak memory",
        "MB",
        lambda one: None if one.peak_memory_bytes is None else one.peak_memory_bytes / 1e6,
        lambda _: None,
        "left",
    ),
    "energy": _Cost(
        "CPU time of one result",
        "ms",
        lambda one: one.cpu_ms_per_example,
        lambda quick: quick.cpu_ms_per_example,
        "left",
    ),
}
_COSTS["carbon"] = _COSTS["energy"]
_COSTS["cost"] = _Cost(
    "Core time of a million results",
    "core hours",
    lambda one: None if one.footprint is None else one.footprint.core_hours,
    lambda _: None,
    "left",
)


def scene(manifest: Manifest) -> Scene | None:
    """Return what every variant costs and loses; None when no cost was measured."""
    cost = _COSTS[manifest.budget.objective]
    points = [
        point for one in in_order(manifest) if (point := _point(one, manifest, cost)) is not None
    ]
    if all(point.cost is None for point in points):
        return None
    return Scene(
        points,
        manifest.budget.max_drop,
        f"{cost.title}, {cost.unit}",
        _loss_name(manifest),
        f"Better variants are further {cost.better} and lower. "
        + "; ".join(point.tip for point in points),
    )


def _loss_name(manifest: Manifest) -> str:
    if manifest.budget.metric == "agreement":
        return "Answers that differ"
    name = manifest.budget.metric.partition(":")[0]
    return "Drop in right answers" if name == "within" else f"Drop in {name}"


def _point(one: VariantRecord, manifest: Manifest, cost: _Cost) -> Point | None:
    is_original = one.variant == manifest.baseline.variant
    drop = one.drop.estimate if one.drop else 0.0 if is_original else one.select_drop
    if drop is None or not numbers.is_known(drop):
        return None
    upper = one.drop.upper if one.drop and numbers.is_known(one.drop.upper) else None
    value = cost.value(one)
    is_quick = value is None and one.estimate is not None
    if value is None and one.estimate is not None:
        value = cost.guess(one.estimate)
    if value is not None and not (numbers.is_known(value) and value >= 0):
        value = None
    tip = _tip(one, value, drop, cost, "about " if is_quick else "")
    return Point(one.variant, role(one, manifest), value, drop, upper, tip)


def _tip(one: VariantRecord, value: float | None, drop: float, cost: _Cost, hedge: str = "") -> str:
    price = f"{hedge}{numbers.significant(value)} {cost.unit}" if value is not None else ""
    price = price or "cost not measured"
    text = f"{one.variant}: {price}, drop {numbers.share(drop)}"
    bound = "" if one.drop is None else f", at most {numbers.at_most(one.drop.upper)}"
    return text + bound


def bars(manifest: Manifest) -> list[Bar]:
    """Return the latency of every variant that was timed."""
    return [
        Bar(one.variant, role(one, manifest), one.latency_ms.p50, one.latency_ms.p99)
        for one in in_order(manifest)
        if one.latency_ms is not None
        and _is_time(one.latency_ms.p50)
        and _is_time(one.latency_ms.p99)
    ]


def _is_time(value: float) -> bool:
    return numbers.is_known(value) and value >= 0


def caption(manifest: Manifest) -> str:
    """Say how to read the picture of cost against loss."""
    cost = _COSTS[manifest.budget.objective]
    budget = numbers.setting(manifest.budget.max_drop)
    sure = numbers.setting(manifest.budget.confidence)
    text = sentences.sentence(f"{cost.better} is better, and so is low")
    return (
        f"{text}. Marks are estimates; bars reach up to the bound at {sure} confidence, which "
        f"must stay below the budget of {budget}. A mark at an edge lies beyond it; "
        "one that was not timed lies where a quick look put it."
    )

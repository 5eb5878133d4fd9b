"""The sentences that both the terminal and the page say."""

import math

from tradewind.budget import Budget
from tradewind.bundle import Manifest, VariantRecord
from tradewind.evidence import Certificate
from tradewind.report import numbers

_AIMS = {
    "latency": "the lowest latency of one request",
    "throughput": "the highest throughput",
    "memory": "the smallest peak memory",
    "energy": "the least energy for an answer",
    "carbon": "the least carbon dioxide for an answer",
    "cost": "the least time of rented cores for an answer",
}


def promise(budget: Budget) -> str:
    """Say what may be lost, what must be reached, how sure to be."""
    parts = [f"{_loss(budget)}, shown with {numbers.setting(budget.confidence)} confidence"]
    if budget.max_latency_ms is not None:
        parts.append(f"one request takes at most {budget.max_latency_ms:,g} ms (p99)")
    if budget.max_memory_mb is not None:
        parts.append(f"peak memory is at most {budget.max_memory_mb:,g} MB")
    return f"{_joined(parts)}. Within that, {_AIMS[budget.objective]}."


def _loss(budget: Budget) -> str:
    lost = numbers.setting(budget.max_drop)
    name, _, value = budget.metric.partition(":")
    if name == "agreement":
        return f"at most {lost} of answers differ from the original's"
    if name == "within":
        return f"the share of answers within {value} of the truth drops by at most {lost}"
    if name == "error":
        return f"the mean error, capped at {value}, rises by at most {lost} of that"
    if name == "top":
        return f"top-{value} accuracy drops by at most {lost}"
    return f"{budget.metric} drops by at most {lost}"


def answer(manifest: Manifest) -> str:
    """Say what was chosen and why."""
    chosen = manifest.chosen.variant
    if chosen == manifest.baseline.variant:
        return f"{sentence(manifest.reason)}."
    return f"{chosen} {manifest.reason.rstrip('.')}."


def evidence(record: VariantRecord) -> str:
    """Say in one sentence what a certificate rests on; empty when there is none."""
    found = record.certificate
    if found is None:
        return ""
    where = f"On {found.n:,} {found.unit}s nobody had looked at"
    return f"{where}, it {_counted(found)}: {concluded(found)}."


def nearest(manifest: Manifest) -> str:
    """Say which variant came closest to a certificate; empty when none was tested in vain."""
    tested = [
        (one.certificate.drop_upper, one)
        for one in manifest.variants
        if one.certificate is not None and not one.certificate.certified
    ]
    if not tested:
        return ""
    _, closest = min(tested, key=lambda item: item[0])
    return f"{closest.variant} came closest. {evidence(closest)}"


def teamwork(record: VariantRecord) -> str:
    """Say who answers what in a cascade; empty for a variant that is none."""
    if not record.stages:
        return ""
    asked = [one.description for one in record.stages]
    text = f"Asks {asked[0]} first, and {', then '.join(asked[1:])} where it is unsure"
    if record.escalated is not None:
        text += f", which was the case for {numbers.share(record.escalated)} of the examples"
    latency = record.latency_ms
    if latency is not None:
        text += f". Half of the requests take at most {numbers.milliseconds(latency.p50)}, one "
        text += f"in a hundred {numbers.milliseconds(latency.p99)} or more"
        text += ", having waited for both" if (record.escalated or 0.0) > 0.01 else ""
    return f"{text}."


def support(manifest: Manifest) -> str:
    """Say what speaks for the answer, or what spoke against any other."""
    if manifest.chosen.variant == manifest.baseline.variant:
        return nearest(manifest) or unproven(manifest)
    return unproven(manifest) or evidence(manifest.chosen)


def _counted(found: Certificate) -> str:
    if found.kind == "agreement":
        return f"answered {found.worse:,} differently from the original"
    if found.kind == "losses":
        return f"did worse than the original on {found.worse:,} and better on {found.better:,}"
    return (
        f"got {found.worse:,} wrong that the original had right and {found.better:,} right "
        "that the original had wrong"
    )


def concluded(found: Certificate) -> str:
    """Say what a certificate bounds, with a bound that is never rounded down."""
    sure = f"with {numbers.setting(found.confidence)} confidence"
    lost = dropped(found)
    upper = numbers.at_most(found.drop_upper)
    if found.certified and found.drop_upper < 0:
        gained = numbers.setting(math.floor(-found.drop_upper * 1e4) / 1e4)
        return f"{sure} {lost} is negative, a gain of at least {gained}"
    if found.certified:
        return f"{sure} {lost} is at most {upper}"
    text = f"{sure} {lost} can only be said to be at most {upper}, which is no certificate"
    if found.examples_needed is not None:
        text += f"; about {found.examples_needed:,} {found.unit}s would be needed"
    return text


def dropped(found: Certificate) -> str:
    """Name what a certificate bounds."""
    if found.kind == "agreement":
        return "the share of answers that differ"
    name, _, value = found.metric.partition(":")
    if name == "within":
        return f"the drop in answers within {value}"
    if name == "error":
        return f"the rise in error as a share of {value}"
    return f"the top-{value} accuracy drop" if name == "top" else f"the {name} drop"


def unproven(manifest: Manifest) -> str:
    """Say why an answer without a certificate needs none; empty when it has one."""
    found = manifest.chosen.certificate
    if found is not None and found.certified:
        return ""
    if manifest.chosen.variant == manifest.baseline.variant:
        return "The answers are the original's own, so there is nothing to certify."
    return (
        "No certificate was given, and none is needed: it is the original's graph in the "
        "original's arithmetic, checked on real inputs to answer the same up to rounding."
    )


def cut_short(manifest: Manifest) -> str:
    """Say that the search did not finish; empty when it did."""
    if manifest.is_complete:
        return ""
    spent = numbers.duration(manifest.elapsed_s)
    return f"Not everything was tried in {spent}; with more time there may be a better answer."


def verdict(record: VariantRecord, manifest: Manifest) -> str:
    """Say in a word or two what is known about a variant's answers."""
    if record.variant == manifest.baseline.variant:
        return "the original"
    if record.certificate is not None and record.certificate.certified:
        return "certified"
    if record.variant == manifest.chosen.variant:
        return "same graph"
    return "not tested" if record.certificate is None else "not certified"


def sentence(text: str) -> str:
    """Return a reason as a sentence begins, without its full stop; names stay as they are."""
    trimmed = text.strip().rstrip(".")
    first = trimmed.partition(" ")[0]
    return trimmed[:1].upper() + trimmed[1:] if first.rstrip(",;:").isalpha() else trimmed


def _joined(parts: list[str]) -> str:
    return sentence("; ".join(parts))

"""The facts of a report as pairs of a name and a value."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from tradewind.bundle import Manifest, VariantRecord
from tradewind.measure import Conditions, Rates
from tradewind.model import Parity
from tradewind.report import circumstances, footprints, numbers, sentences

_TOLD = 16
"""Longer lists are only counted."""


@dataclass(frozen=True)
class Fact:
    """One thing that is known, with what it is called.

    Args:
        name: what it is.
        value: in words or as a number with its unit.
        detail: a condition or comparison.
        is_code: whether the value is to be copied, like a digest.
    """

    name: str
    value: str
    detail: str = ""
    is_code: bool = False


def key_figures(manifest: Manifest) -> list[Fact]:
    """Return the few numbers that the answer comes down to."""
    chosen, baseline = manifest.chosen, manifest.baseline
    is_new = chosen.variant != baseline.variant
    found = [*_work(manifest), _gain(manifest)] if is_new else []
    latency = chosen.latency_ms
    if latency is not None:
        before = baseline.latency_ms if is_new else None
        detail = f"was {numbers.milliseconds(before.p50)}; " if before else ""
        detail += f"p99 {numbers.milliseconds(latency.p99)}"
        detail += f", was {numbers.milliseconds(before.p99)}" if before else ""
        found.append(Fact("Latency of one request", numbers.milliseconds(latency.p50), detail))
    if chosen.throughput_per_s is not None:
        before_rate = baseline.throughput_per_s if is_new else None
        detail = f"was {numbers.rate(before_rate)}" if before_rate else ""
        found.append(Fact("Throughput", numbers.rate(chosen.throughput_per_s), detail))
    if chosen.certificate is not None and is_new:
        found.append(_loss(chosen))
    if chosen.escalated is not None:
        detail = "of examples; the first stage answers the others by itself"
        found.append(Fact("Passed on", numbers.share(chosen.escalated), detail))
    was = f"was {numbers.size(baseline.size_bytes)}" if is_new else ""
    found.append(Fact("Size of the graph", numbers.size(chosen.size_bytes), was))
    return [fact for fact in found if fact.value != numbers.UNKNOWN]


def _work(manifest: Manifest) -> list[Fact]:
    """Return what an answer costs, where that and not time was to become less."""
    chosen, baseline = manifest.chosen, manifest.baseline
    if manifest.budget.objective == "memory":
        value, before = chosen.peak_memory_bytes, baseline.peak_memory_bytes
        return [Fact("Peak memory", numbers.size(value), f"was {numbers.size(before)}")]
    if manifest.budget.objective not in ("energy", "carbon", "cost"):
        return []
    now, was = chosen.cpu_ms_per_example, baseline.cpu_ms_per_example
    return [
        Fact("CPU time of an answer", numbers.milliseconds(now), f"was {numbers.milliseconds(was)}")
    ]


def _gain(manifest: Manifest) -> Fact:
    chosen, objective = manifest.chosen, manifest.budget.objective
    is_rate = objective == "throughput"
    gain = chosen.throughput_gain if is_rate else chosen.speedup
    name = "Gain in throughput" if is_rate else "Speed-up of one request"
    detail = numbers.interval(gain)
    return Fact(name, numbers.times(gain), f"95% interval {detail}" if detail else "")


def _loss(record: VariantRecord) -> Fact:
    found = record.certificate
    assert found is not None
    name = sentences.sentence(sentences.dropped(found).removeprefix("the "))
    estimate = f"observed {numbers.share(found.drop)}"
    return Fact(name, f"at most {numbers.at_most(found.drop_upper)}", estimate)


def counted(record: VariantRecord) -> list[Fact]:
    """Return what a certificate counted and concluded."""
    found = record.certificate
    if found is None:
        return []
    worse, better = _COUNTED[found.kind]
    facts = [Fact(f"{found.unit.capitalize()}s", f"{found.n:,}"), Fact(worse, f"{found.worse:,}")]
    if better:
        facts.append(Fact(better, f"{found.better:,}"))
    return [
        *facts,
        Fact("Estimate", numbers.share(found.drop)),
        Fact("Upper bound", numbers.at_most(found.drop_upper)),
        Fact("Allowed", numbers.setting(found.max_drop)),
        Fact("p-value", numbers.probability(found.p_value)),
        Fact("Result", "certified" if found.certified else "not certified"),
    ]


_COUNTED = {
    "labels": ("Only the original right", "Only the variant right"),
    "losses": ("The original did better", "The variant did better"),
    "agreement": ("Answered differently", ""),
}


def bindings(manifest: Manifest) -> list[Fact]:
    """Return what a certificate is bound to."""
    chosen, source, machine = manifest.chosen, manifest.source, manifest.hardware
    return [
        Fact("Original graph, SHA-256", source.model_digest, is_code=True),
        *(fact for number in range(len(chosen.parts)) for fact in _stage(manifest, number)),
        Fact("CPU", machine.cpu, " ".join(machine.isa)),
        Fact("Preprocessing", _steps(manifest)),
        Fact("Data, SHA-256", source.data_digest, is_code=True),
        Fact("Splits, SHA-256", manifest.splits.digest, is_code=True),
    ]


def _stage(manifest: Manifest, number: int) -> list[Fact]:
    """Return what one stage consists of; the only one of a variant that is no cascade."""
    parts = manifest.chosen.parts
    part = parts[number]
    which = "Chosen graph" if len(parts) == 1 else f"Graph of stage {number + 1}"
    runs = "Engine" if len(parts) == 1 else f"Engine of stage {number + 1}"
    version = manifest.hardware.engines.get(part.engine, "version unknown")
    found = [
        Fact(f"{which}, SHA-256", part.model_digest, is_code=True),
        Fact(runs, f"{part.engine} {version}", _listed(part.settings)),
    ]
    if part.rule is not None:
        answers = f"Stage {number + 1} answers by"
        found.append(Fact(answers, part.rule.name, _listed(part.rule.settings)))
    return found


def _listed(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {_worded(value)}" for name, value in settings.items())


def _steps(manifest: Manifest) -> str:
    found = manifest.preprocessing or manifest.tokenization
    if found is None:
        return "none: the data are what the model takes"
    values = ((field.name, getattr(found, field.name)) for field in fields(found))
    return ", ".join(f"{name} {_worded(value)}" for name, value in values if value is not None)


def _worded(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list)) and len(value) > _TOLD:
        return f"({len(value)} values)"
    if isinstance(value, (tuple, list)):
        return " ".join(_worded(item) for item in value) or "none"
    if isinstance(value, dict):
        return _listed(value)
    return f"{value:g}" if isinstance(value, float) else str(getattr(value, "value", value))


def data_facts(manifest: Manifest) -> list[Fact]:
    """Return where the examples came from and which step saw how many."""
    source, splits = manifest.source, manifest.splits
    further = source.unlabelled
    return [
        Fact("Model", source.model, f"imported from {source.framework}"),
        *([] if source.parity is None else [Fact("Parity", _parity(source.parity))]),
        Fact("Data", source.data, f"{source.examples:,} examples"),
        *(
            []
            if further is None
            else [
                Fact(
                    "Without labels",
                    further.data,
                    f"{further.examples:,} examples to calibrate and train on; {further.known:,} "
                    "more were left out because the data hold them too",
                )
            ]
        ),
        Fact("Calibrate", f"{splits.calibrate:,}", "examples that quantizers observed"),
        Fact("Select", f"{splits.select:,}", "examples that variants were compared on"),
        Fact("Certify", f"{splits.certify:,}", _certifying(manifest)),
        Fact("Seed", f"{splits.seed}", "fixes which example is in which split"),
    ]


def _certifying(manifest: Manifest) -> str:
    """Say what the certify split is, and how much of it there was time for."""
    text, found = "examples that no earlier step had seen", manifest.chosen.certificate
    if found is None or manifest.asked is not None or found.unit != "example":
        return text
    if found.n >= manifest.splits.certify:
        return text
    return f"{text}; {found.n:,} of them were reached in time"


def _parity(parity: Parity) -> str:
    return f"the graph differs from the original by {parity}"


def machine_facts(manifest: Manifest) -> list[Fact]:
    """Return what all timings hold on."""
    machine = manifest.hardware
    versions = ", ".join(f"{name} {version}" for name, version in machine.engines.items())
    return [
        Fact("CPU", machine.cpu, f"{machine.cores:,} cores for this process"),
        Fact("Instruction sets", " ".join(machine.isa) or "none that matter"),
        Fact("Memory", numbers.size(machine.memory_bytes)),
        Fact("System", machine.system),
        Fact("Engines", versions or "none"),
        Fact("Tradewind", manifest.tradewind),
        *([] if manifest.conditions is None else [_conditions(manifest.conditions)]),
        *([] if manifest.rates is None else [_power(manifest.rates)]),
    ]


def _conditions(found: Conditions) -> Fact:
    state = circumstances.short(found)
    return Fact("While timing", state, circumstances.described(found))


def _power(found: Rates) -> Fact:
    how = "estimated" if found.is_estimated else "measured"
    return Fact("Energy and carbon", how, footprints.basis(found))

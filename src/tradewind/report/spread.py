"""What else is in the bundle: the variants that nothing replaces, and what each is best in."""

from tradewind.bundle import Manifest, front_of


def kept(manifest: Manifest) -> str:
    """Name the variants on the Pareto front with what each is best in; empty for fewer than two."""
    front = front_of(manifest)
    if len(front.variants) < 2:
        return ""
    parts = []
    for name in front.variants:
        best = [what for what, variant in front.best.items() if variant == name]
        is_chosen = name == manifest.chosen.variant
        notes = ["chosen"] if is_chosen else []
        notes += [f"best in {_listed(best)}"] if best else []
        parts.append(f"{name} ({', '.join(notes)})" if notes else name)
    return f"{'; '.join(parts)}."


def _listed(words: list[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last

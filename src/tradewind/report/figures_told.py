"""Figures that were asked for beside the promise, with the words that they are not certified."""

from tradewind.bundle import Manifest
from tradewind.evidence import Spread
from tradewind.report.facts import Fact


def told(manifest: Manifest) -> list[Fact]:
    """Return what is known of the chosen variant, or of the original where that was chosen."""
    return [
        Fact(
            one.metric,
            f"{_spread(one.found.after)}, not certified",
            f"original {_spread(one.found.before)}; lost {_spread(one.found.drop)}; "
            f"{one.confidence:.0%} bootstrap intervals on {one.n:,} examples",
        )
        for one in manifest.chosen.reported
    ]


def _spread(found: Spread) -> str:
    return f"{found.value:.4f} ({found.low:.4f} to {found.high:.4f})"

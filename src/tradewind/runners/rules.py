"""Every rule by which the answers of a stage may stand."""

from tradewind.runners.confidence import AgreementPredictor, ConfidenceRule, Margin
from tradewind.runners.distance import DistancePredictor

RULES: tuple[type[ConfidenceRule], ...] = (Margin, AgreementPredictor, DistancePredictor)
"""Every rule; a bundle names one of them."""

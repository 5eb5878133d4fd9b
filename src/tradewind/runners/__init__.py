"""Everything that answers is a runner; runners are composed, not inherited."""

from tradewind.runners.cascade import Cascade
from tradewind.runners.confidence import (
    RULES,
    AgreementPredictor,
    ConfidenceRule,
    Margin,
    Scores,
    look_like_probabilities,
    obstacle,
    score_output,
)
from tradewind.runners.fitting import fit_agreement, fit_margin, fit_temperature
from tradewind.runners.preprocessed import Preprocessed
from tradewind.runners.runner import Runner
from tradewind.runners.tokenized import Tokenized
from tradewind.runners.turned import Turned

__all__ = [
    "RULES",
    "AgreementPredictor",
    "Cascade",
    "ConfidenceRule",
    "Margin",
    "Preprocessed",
    "Runner",
    "Scores",
    "Tokenized",
    "Turned",
    "fit_agreement",
    "fit_margin",
    "fit_temperature",
    "look_like_probabilities",
    "obstacle",
    "score_output",
]

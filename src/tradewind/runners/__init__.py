"""Everything that answers is a runner; runners are composed, not inherited."""

from tradewind.runners.cascade import Cascade
from tradewind.runners.confidence import (
    AgreementPredictor,
    ConfidenceRule,
    Margin,
    ScoreRule,
    Scores,
    look_like_probabilities,
    not_by_example,
    obstacle,
    score_output,
)
from tradewind.runners.distance import DistancePredictor, columns_of, flat_answers
from tradewind.runners.fitting import fit_agreement, fit_margin, fit_temperature
from tradewind.runners.growing import fit_distance
from tradewind.runners.preprocessed import Preprocessed
from tradewind.runners.rules import RULES
from tradewind.runners.runner import Runner
from tradewind.runners.tokenized import Tokenized
from tradewind.runners.turned import Turned

__all__ = [
    "RULES",
    "AgreementPredictor",
    "Cascade",
    "ConfidenceRule",
    "DistancePredictor",
    "Margin",
    "Preprocessed",
    "Runner",
    "ScoreRule",
    "Scores",
    "Tokenized",
    "Turned",
    "columns_of",
    "fit_agreement",
    "fit_distance",
    "fit_margin",
    "fit_temperature",
    "flat_answers",
    "look_like_probabilities",
    "not_by_example",
    "obstacle",
    "score_output",
]

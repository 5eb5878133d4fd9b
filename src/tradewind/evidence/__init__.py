"""Tests of whether a variant is worse than the original by more than a margin.

- `paired`: the exact test of a drop in accuracy, on a fixed set of labelled examples.
- `agreement`: the exact test of how often two models answer differently, without labels.
- `losses`: a test of the rise in any loss between 0 and 1, by example or by group.
- `sequence`: many variants at one error probability.
- `planning`: how many examples are needed.
- `betting`: a test that may be looked at after every example, for any bounded loss.
- `cascade`: how low the threshold of a cascade may be set.
- `certificate`: what was shown, as a record.
- `bootstrap`: intervals of what cannot be certified.
"""

from tradewind.evidence.agreement import agreement_p_value, disagreement_upper_bound
from tradewind.evidence.betting import BettingTest
from tradewind.evidence.bootstrap import Resampled, Spread, Statistic, paired_bootstrap
from tradewind.evidence.cascade import (
    CertifiedThreshold,
    certify_threshold,
    certify_threshold_with_labels,
)
from tradewind.evidence.certificate import (
    Certificate,
    certify_agreement,
    certify_losses,
    certify_with_labels,
    rounded_up,
)
from tradewind.evidence.losses import (
    Paired,
    PairedLosses,
    losses_examples_needed,
    losses_p_value,
    losses_upper_bound,
)
from tradewind.evidence.paired import (
    PairedCounts,
    drop_p_value,
    drop_upper_bound,
    is_non_inferior,
)
from tradewind.evidence.planning import (
    agreement_examples_needed,
    examples_needed,
    minimum_examples,
    passing_probability,
)
from tradewind.evidence.sequence import fixed_sequence

__all__ = [
    "BettingTest",
    "Certificate",
    "CertifiedThreshold",
    "Paired",
    "PairedCounts",
    "PairedLosses",
    "Resampled",
    "Spread",
    "Statistic",
    "agreement_examples_needed",
    "agreement_p_value",
    "certify_agreement",
    "certify_losses",
    "certify_threshold",
    "certify_threshold_with_labels",
    "certify_with_labels",
    "disagreement_upper_bound",
    "drop_p_value",
    "drop_upper_bound",
    "examples_needed",
    "fixed_sequence",
    "is_non_inferior",
    "losses_examples_needed",
    "losses_p_value",
    "losses_upper_bound",
    "minimum_examples",
    "paired_bootstrap",
    "passing_probability",
    "rounded_up",
]

"""Everything that answers is a runner; runners are composed, not inherited."""

from tradewind.runners.preprocessed import Preprocessed
from tradewind.runners.runner import Runner

__all__ = ["Preprocessed", "Runner"]

"""Changes to a model, one a file, each checked against the original before it is used."""

from tradewind.passes.checking import Difference, check, compare, judge
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.distillation import Distil
from tradewind.passes.fold import Fold
from tradewind.passes.isolation import PASSES, apply_isolated
from tradewind.passes.mixing import RevertLayers
from tradewind.passes.pruning import (
    DropBlocks,
    Factorize,
    LowerResolution,
    PruneChannels,
    PruneTrees,
    RemoveUnused,
    RestrictVocabulary,
    Sparsify,
)
from tradewind.passes.quantization import (
    QuantizeDynamic,
    QuantizeNNCF,
    QuantizeStatic,
    QuantizeWeights,
    Smooth,
)
from tradewind.passes.upgrade_opset import UpgradeOpset
from tradewind.passes.workshop import Workshop

__all__ = [
    "PASSES",
    "Change",
    "Difference",
    "Distil",
    "DropBlocks",
    "Factorize",
    "Fold",
    "LowerResolution",
    "Needs",
    "Observed",
    "Pass",
    "PruneChannels",
    "PruneTrees",
    "QuantizeDynamic",
    "QuantizeNNCF",
    "QuantizeStatic",
    "QuantizeWeights",
    "RemoveUnused",
    "RestrictVocabulary",
    "RevertLayers",
    "Smooth",
    "Sparsify",
    "UpgradeOpset",
    "Workshop",
    "apply_isolated",
    "check",
    "compare",
    "judge",
]

"""Smaller models from the graph and examples alone: fewer channels, blocks, trees, pixels."""

from tradewind.passes.pruning.drop_blocks import DropBlocks
from tradewind.passes.pruning.factorize import Factorize
from tradewind.passes.pruning.lower_resolution import LowerResolution
from tradewind.passes.pruning.prune_channels import PruneChannels
from tradewind.passes.pruning.prune_trees import PruneTrees
from tradewind.passes.pruning.remove_unused import RemoveUnused
from tradewind.passes.pruning.restrict_vocabulary import RestrictVocabulary
from tradewind.passes.pruning.sparsify import Sparsify

__all__ = [
    "DropBlocks",
    "Factorize",
    "LowerResolution",
    "PruneChannels",
    "PruneTrees",
    "RemoveUnused",
    "RestrictVocabulary",
    "Sparsify",
]

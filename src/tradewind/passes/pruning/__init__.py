"""Smaller models from the graph and examples alone: fewer channels, blocks, ranks, trees."""

from tradewind.passes.pruning.drop_blocks import DropBlocks
from tradewind.passes.pruning.prune_channels import PruneChannels

__all__ = ["DropBlocks", "PruneChannels"]

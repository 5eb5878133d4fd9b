"""The command line: one small file a command, loaded when it is called."""

from tradewind.cli.root import main

__all__ = ["main"]

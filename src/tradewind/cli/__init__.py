"""The command line: one small file a command, loaded when it is called."""

import importlib
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        root = importlib.import_module("tradewind.cli.root")
    except KeyboardInterrupt:  # before there is anybody to say so
        sys.exit(130)
    root.main()

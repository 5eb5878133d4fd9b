"""What commands print: documents on stdout, everything else on stderr."""

import sys
from typing import Any

import click
import msgspec
from rich.console import Console

from tradewind.errors import TradewindError

as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout, nothing else."
)
"""The option that every command takes."""


def told() -> Console:
    """Return the console for progress and notes."""
    return _console(is_stderr=True)


def shown() -> Console:
    """Return the console for what was asked for."""
    return _console(is_stderr=False)


def _console(*, is_stderr: bool) -> Console:
    # names of files and shapes such as [batch, 3] are no markup
    return Console(stderr=is_stderr, highlight=False, markup=False, emoji=False)


def print_json(document: Any) -> None:
    """Print one document that programs can read."""
    text = msgspec.json.format(msgspec.json.encode(document), indent=2)
    sys.stdout.write(text.decode() + "\n")
    sys.stdout.flush()


def print_error(text: str, *, as_json: bool, error: TradewindError | None = None) -> None:
    """Print what went wrong, for programs too when they asked for it."""
    click.echo(f"tradewind: {text}", err=True)
    if as_json:
        fields = {"message": text}
        if error is not None:
            fields |= {
                "kind": type(error).__name__,
                "where": error.where,
                "expected": error.expected,
                "got": error.got,
                "hint": error.hint,
            }
        print_json({"error": fields})

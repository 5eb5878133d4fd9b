"""What the server at hand can do."""

from tradewind.cli.serve import command as serve


def option_missing(name: str) -> str:
    """Return the name of an option unless `tradewind serve` has it."""
    known = {option for parameter in serve.params for option in parameter.opts}
    return "" if name in known else f"tradewind serve {name}"

"""`tradewind completion`."""

import click
from click.shell_completion import get_completion_class


@click.command("completion", epilog='Example: eval "$(tradewind completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print a script that makes SHELL complete commands, options and files."""
    kind = get_completion_class(shell)
    root = click.get_current_context().find_root().command
    assert kind is not None  # click brings all three
    click.echo(kind(root, {}, "tradewind", "_TRADEWIND_COMPLETE").source())

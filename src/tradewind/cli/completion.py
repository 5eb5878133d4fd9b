"""`tradewind completion`."""

import click
from click.shell_completion import get_completion_class

from tradewind.cli.output import as_json, print_json


@click.command("completion", epilog='Example: eval "$(tradewind completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@as_json
def command(shell: str, as_json: bool) -> None:
    """Print a script that makes SHELL complete commands, options and files."""
    kind = get_completion_class(shell)
    root = click.get_current_context().find_root().command
    assert kind is not None  # click brings all three
    script = kind(root, {}, "tradewind", "_TRADEWIND_COMPLETE").source()
    if as_json:
        print_json({"shell": shell, "script": script})
    else:
        click.echo(script)

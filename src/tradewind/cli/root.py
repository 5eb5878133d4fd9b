"""The command `tradewind` itself: finds commands, turns errors into messages and exit codes."""

import contextlib
import errno
import importlib
import os
import signal
import sys
import traceback
from types import FrameType
from typing import NoReturn

import click

from tradewind import __version__
from tradewind.cli.output import print_error
from tradewind.errors import OutputError, SettingError, TradewindError

# name: what it does, in the order of a first acquaintance
COMMANDS = {
    "demo": "See the main job at work on a small data set.",
    "optimize": "Find the cheapest way to run a model that keeps its promise.",
    "serve": "Answer requests over HTTP and gRPC.",
    "keys": "Make, list and revoke the API keys of a server.",
    "predict": "Answer a whole file at once.",
    "bench": "Compare models and bundles side by side on this machine.",
    "inspect": "Show what a model takes, gives, holds and costs.",
    "apply": "Make one change to a model: prune, quantize, fold and more.",
    "verify": "Check every byte of a bundle, and whether it was made for this machine.",
    "recertify": "Renew the certificate of a bundle on this machine.",
    "sign": "Sign a bundle, so that servers can demand it.",
    "doctor": "Show what this machine has and what is missing.",
    "completion": "Print a script that completes commands in your shell.",
}


class _Commands(click.Group):
    """Imports a command only when it is called, so that `--help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(f"tradewind.cli.{cmd_name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with `tradewind demo`. Every command has a `--help` of its own.",
)
@click.version_option(__version__, package_name="tradewind", message="tradewind %(version)s")
def tradewind() -> None:
    """Run a trained model as cheaply as your promise allows, and prove that it is kept."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # else whoever started us ignores it
            signal.signal(number, _end)
    sys.exit(run(sys.argv[1:]))


def _full(error: OSError, *, as_json: bool) -> int:
    """Say that a disk is full, which the one that takes our output may be."""
    where = str(error.filename or "output")
    told = OutputError(where, "room on the disk", str(error.strerror), "free some, and try again.")
    with contextlib.suppress(OSError):  # there may be no room for this either
        print_error(str(told), as_json=as_json, error=told)
    _give_up_stdout()
    return told.exit_code


def _give_up_stdout() -> None:
    """Let what is left to be written go nowhere, so that nothing fails when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end(number: int, _: FrameType | None) -> NoReturn:
    """End as whoever asks expects, but through every `finally`, which removes temporary files."""
    signal.signal(number, signal.SIG_DFL)  # asked again, end at once
    sys.exit(128 + number)


def _by_option(error: TradewindError, arguments: list[str]) -> TradewindError:
    """Name the option that a setting was given by: `--trace-rate` for `trace_rate`."""
    name = next((one for one in arguments if not one.startswith("-")), "")
    if not isinstance(error, SettingError) or name not in COMMANDS:
        return error
    command = importlib.import_module(f"tradewind.cli.{name}").command
    options = {option for one in command.params for option in one.opts}
    for setting in (error.where.replace(".", "-"), error.where.partition(".")[0]):
        option = f"--{setting.replace('_', '-')}"
        if option in options:
            return type(error)(option, error.expected, error.got, error.hint)
    return error


def run(arguments: list[str]) -> int:
    """Run one command.

    Returns:
        0 on success, 2 on a usage or input error, 130 when interrupted, 1 on anything else.
    """
    as_json = "--json" in arguments
    try:
        # what a command returns, or the code with which it raised click's Exit
        code = tradewind.main(arguments, prog_name="tradewind", standalone_mode=False)
    except click.Abort:
        print_error("interrupted", as_json=as_json)
        return 130
    except KeyboardInterrupt:
        print_error("interrupted", as_json=as_json)
        return 130
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.ClickException as error:
        hint = ""
        if isinstance(error, click.UsageError) and error.ctx is not None:
            hint = f"\nhint: see `{error.ctx.command_path} --help`."
        print_error(error.format_message() + hint, as_json=as_json)
        return 2
    except TradewindError as error:
        told = _by_option(error, arguments)
        print_error(str(told), as_json=as_json, error=told)
        return told.exit_code
    except BrokenPipeError:  # whoever read our output has gone
        _give_up_stdout()
        return 1
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _full(error, as_json=as_json)
        if os.environ.get("TRADEWIND_DEBUG"):
            traceback.print_exc()
        text = f"this is a bug in Tradewind: {type(error).__name__}: {error}"
        hint = "run again with TRADEWIND_DEBUG=1 and report what it prints."
        print_error(f"{text}\nhint: {hint}", as_json=as_json)
        return 1
    return code if isinstance(code, int) else 0

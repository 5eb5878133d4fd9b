"""`tradewind keys`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.table import Table

from tradewind.cli.output import as_json, print_json, shown, told
from tradewind.errors import SettingError
from tradewind.serve.security.keys import Key, new_key, read_keys, write_keys
from tradewind.serve.security.limits import Limits
from tradewind.serve.security.principals import Right

_FILE = click.argument("file", type=click.Path(path_type=Path))


@click.group(
    "keys",
    epilog="Example: tradewind keys new keys.json --name web\n\n"
    "tradewind serve model.tw --api-keys keys.json asks for them. A running server sees changes "
    "of the file within seconds. Every subcommand takes --json.",
)
def command() -> None:
    """Make, list and revoke the API keys of a server.

    FILE holds hashes only: a token is shown once, when it is made.
    """


@command.command("new", epilog="Example: tradewind keys new keys.json --name web --model 'spam-*'")
@_FILE
@click.option("--name", required=True, help="Of the client; shown in logs and refusals.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([right.value for right in Right]),
    help="What it allows; once for each. [default: infer and read]",
)
@click.option(
    "--model", "models", multiple=True, metavar="PATTERN",
    help="Models that it allows, such as 'spam-*'; once for each. [default: all]",
)  # fmt: skip
@click.option("--days", type=float, help="Days until it expires. [default: never]")
@click.option("--requests-per-s", type=float, default=0.0, help="Limit; 0 for none.")
@click.option("--examples-per-s", type=float, default=0.0, help="Limit; 0 for none.")
@click.option("--requests-per-day", type=int, default=0, help="Limit; 0 for none.")
@click.option("--examples-per-day", type=int, default=0, help="Limit; 0 for none.")
@as_json
def new(
    file: Path,
    name: str,
    scopes: tuple[str, ...],
    models: tuple[str, ...],
    days: float | None,
    requests_per_s: float,
    examples_per_s: float,
    requests_per_day: int,
    examples_per_day: int,
    as_json: bool,
) -> None:
    """Add a key to FILE and print its token, which cannot be shown again.

    A second key of the same name takes over what is not said from the first one: that is how a
    token is exchanged. Revoke the first once every client has the second.
    """
    keys = read_keys(file) if file.exists() else ()
    like = next((key for key in reversed(keys) if key.name == name), None)
    limits = Limits(requests_per_s, examples_per_s, requests_per_day, examples_per_day)
    if like is not None:
        scopes, models = scopes or like.scopes, models or like.models
        limits = like.limits if limits == Limits() else limits
        if limits != like.limits:
            raise SettingError(
                f"key {name}", "the limits of the key of this name", "others",
                "keys of one name share their limits; take another name or revoke that key first.",
            )  # fmt: skip
    key, token = new_key(
        name,
        tuple(Right(scope) for scope in scopes) or (Right.INFER, Right.READ),
        models or ("*",),
        limits,
        _after(days),
    )
    write_keys(file, (*keys, key))
    if as_json:
        print_json({"id": key.id, "name": name, "token": token})
        return
    click.echo(token)
    told().print(
        f"key {key.id} of {name}; the token above is not kept anywhere: store it now.",
        soft_wrap=True,
    )


@command.command("list", epilog="Example: tradewind keys list keys.json")
@_FILE
@as_json
def list_(file: Path, as_json: bool) -> None:
    """List the keys in FILE with what they allow."""
    keys = read_keys(file)
    if as_json:
        print_json([_told(key) for key in keys])
        return
    table = Table("id", "name", "scopes", "models", "limits", "expires", box=None)
    for key in keys:
        limits = [
            f"{getattr(key.limits, field):g} {field.replace('_', ' ')}"
            for field in key.limits.__struct_fields__
            if getattr(key.limits, field)
        ]
        cells = (key.scopes, key.models, limits or ["none"])
        expires = "never" if key.expires is None else f"{key.expires:%Y-%m-%d %H:%M %Z}"
        table.add_row(key.id, key.name, *(", ".join(cell) for cell in cells), expires)
    shown().print(table)


@command.command("revoke", epilog="Example: tradewind keys revoke keys.json web")
@_FILE
@click.argument("which", metavar="ID_OR_NAME")
@as_json
def revoke(file: Path, which: str, as_json: bool) -> None:
    """Remove a key from FILE by its id, or all keys of a name."""
    keys = read_keys(file)
    gone = [key for key in keys if which in (key.id, key.name)]
    if not gone:
        known = ", ".join(f"{key.id} ({key.name})" for key in keys) or "an empty file"
        raise SettingError(str(file), f"a key {which}", known)
    write_keys(file, tuple(key for key in keys if key not in gone))
    if as_json:
        print_json({"revoked": [_told(key) for key in gone]})
    else:
        ids = ", ".join(key.id for key in gone)
        told().print(f"revoked {ids}; running servers refuse it within seconds.", soft_wrap=True)


def _told(key: Key) -> dict[str, object]:
    """Return all but the hash."""
    fields = {name: getattr(key, name) for name in key.__struct_fields__ if name != "hash"}
    return {"id": key.id, **fields}


def _after(days: float | None) -> datetime | None:
    if days is None:
        return None
    if not 0 < days < 36_500:
        raise SettingError("--days", "a number of days above 0", f"{days:g}")
    return (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0)

"""`tradewind sign`."""

from pathlib import Path

import click

from tradewind.bundle import new_signing_key, sign
from tradewind.cli.output import as_json, print_json, shown, told
from tradewind.errors import OutputError, SettingError

_PATH = click.Path(path_type=Path)


@click.command(
    "sign",
    epilog="Example: tradewind sign --new-key release.pem, then "
    "tradewind sign model.tw --key release.pem\n\n"
    "tradewind serve model.tw --signatures require --trusted-keys release.pub loads nothing else.",
)
@click.argument("bundle", required=False, type=_PATH)
@click.option("--key", type=_PATH, help="Sign BUNDLE with this private key (Ed25519, PEM).")
@click.option(
    "--new-key",
    type=_PATH,
    help="Make a private key, and the line for --trusted-keys beside it, as FILE.pub.",
)
@as_json
def command(bundle: Path | None, key: Path | None, new_key: Path | None, as_json: bool) -> None:
    """Sign BUNDLE, so that servers can demand it; or make a key to sign with.

    The bundle is compared with its seal first. Its other files stay as they are: the signature is
    a file of its own beside the seal, and a bundle may have several.
    """
    if (bundle is None) != (key is None) or (bundle is None) == (new_key is None):
        raise SettingError(
            "sign", "a bundle and --key, or --new-key alone", "something else",
            "tradewind sign model.tw --key release.pem",
        )  # fmt: skip
    if new_key is not None:
        beside = _place_beside(new_key)
        public = new_signing_key(new_key, new_key.stem)
        beside.write_text(public.line + "\n", encoding="utf-8")
        if as_json:
            print_json({"private": str(new_key), "public": str(beside), "line": public.line})
        else:
            shown().print(public.line, soft_wrap=True)
            told().print(f"keep {new_key} secret; give {beside} to who serves.", soft_wrap=True)
        return
    assert bundle is not None
    assert key is not None
    public = sign(bundle, key)
    if as_json:
        print_json({"bundle": str(bundle), "line": public.line})
    else:
        shown().print(f"{bundle}: signed with {public.line}", soft_wrap=True)


def _place_beside(private: Path) -> Path:
    """Return where the line of a new key goes, before there is a key.

    Raises:
        SettingError: the private key would have that name itself.
        OutputError: a file of that name is there, perhaps the line of a key in use.
    """
    beside = private.with_suffix(".pub")
    if beside == private:
        hint = f"--new-key {private.with_suffix('.pem')} writes both, each to a file of its own."
        expected = "a name for the private key, as FILE.pub is that of the public one"
        raise SettingError("--new-key", expected, str(private), hint)
    if beside.exists():
        hint = "choose another name for the private key; this file is named after it."
        raise OutputError(str(beside), "a free name for the public key", "File exists", hint)
    return beside

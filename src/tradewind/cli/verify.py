"""`tradewind verify`."""

from pathlib import Path

import click

from tradewind.bundle import Trust, open_bundle, signer
from tradewind.cli.output import as_json, print_json, shown
from tradewind.report import concluded, setting


@click.command("verify", epilog="Example: tradewind verify model.tw")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--trusted-keys",
    type=click.Path(path_type=Path),
    help="Say who of these signed it; fail when nobody did.",
)
@as_json
def command(bundle: Path, trusted_keys: Path | None, as_json: bool) -> None:
    """Check every byte of BUNDLE, and whether its certificate holds on this machine.

    A certificate is bound to the instruction set and to the engines' versions: rounding differs
    elsewhere, and with it the answers.
    """
    opened = open_bundle(bundle)
    signed_by = None if trusted_keys is None else _signer(bundle, trusted_keys)
    doubts = opened.doubts()
    certificate = opened.manifest.chosen.certificate
    certified = certificate is not None and certificate.certified
    if as_json:
        print_json(
            {
                "bundle": str(bundle),
                "intact": True,
                "signed_by": signed_by,
                "certified": certified,
                "valid_here": certified and not doubts,
                "differences": doubts,
                "chosen": opened.manifest.chosen,
            }
        )
        return
    console = shown()
    console.print(f"{bundle}: every byte is as it was written.", soft_wrap=True)
    if signed_by is not None:
        console.print(f"Signed by {signed_by}.")
    if certificate is None or not certified:
        console.print(f"No certificate: {opened.manifest.reason}.")
    elif doubts:
        console.print("The certificate does NOT hold here: it was given for another machine.")
        for doubt in doubts:
            console.print(f"  {doubt}")
        console.print(
            "Run `tradewind recertify` here to renew it, or `tradewind optimize` to find what is "
            "best here."
        )
    else:
        console.print(
            f"The certificate holds here: on {certificate.n:,} {certificate.unit}s, "
            f"{concluded(certificate)}; {setting(certificate.max_drop)} was allowed."
        )


def _signer(bundle: Path, trusted_keys: Path) -> str:
    trust = Trust.of("require", trusted_keys)
    trust.doubt(bundle)
    found = signer(bundle, trust.keys)
    assert found is not None
    return found.name

"""Trouble of every kind, one after another, and what the server made of it."""

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.serving.records import Machine
from benchmarks.serving.trouble import FAULTS, Finding, Scale

from tradewind.errors import SettingError, TradewindError


def run(names: list[str], scale: Scale) -> tuple[dict[str, Finding], dict[str, str]]:
    """Return what was found, and what could not be tried with the reason.

    Raises:
        SettingError: there is no such trouble.
    """
    known = {fault.name: fault for fault in FAULTS}
    found: dict[str, Finding] = {}
    left_out: dict[str, str] = {}
    for name in names:
        if name not in known:
            raise SettingError("--only", f"some of {','.join(known)}", name)
    for name in names:
        fault = known[name]
        if missing := fault.missing():
            left_out[name] = f"this server does not have {missing}"
            continue
        print(f"{name}: {fault.about}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="tradewind-") as folder:
            try:
                found[name] = fault.run(Path(folder), scale)
            except TradewindError as error:
                left_out[name] = str(error)
    return found, left_out


def told(found: Mapping[str, Finding], left_out: Mapping[str, str]) -> str:
    """Return it as Markdown."""
    lines = [
        "| trouble | offered | answered | refused | lost | recovery s | MB, peak | promises |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, finding in found.items():
        seen = finding.outcome
        kept = sum(claim.is_kept for claim in finding.claims)
        broken = [f"{claim.text}: {claim.seen}" for claim in finding.claims if not claim.is_kept]
        cells = [
            name,
            f"{seen.offered:,}" if seen else "",
            f"{seen.answered:,}" if seen else "",
            f"{sum(seen.refused.values()):,}" if seen else "",
            f"{seen.broken + seen.unanswered:,}" if seen else "",
            "" if finding.recovery_s is None else f"{finding.recovery_s:.2f}",
            f"{finding.memory_before / 1e6:.0f}, {finding.memory_peak / 1e6:.0f}",
            f"{kept} of {len(finding.claims)} kept" + "".join(f"; not: {one}" for one in broken),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [f"\nnot tried: {name}: {why}" for name, why in left_out.items()]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run and tell; the exit code is 1 when a promise was not kept."""
    usual = Scale()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(fault.name for fault in FAULTS))
    parser.add_argument("--seconds", type=float, default=usual.seconds)
    parser.add_argument("--overload-s", type=float, default=usual.overload_s)
    parser.add_argument("--clients", type=int, default=usual.clients)
    parser.add_argument("--idle", type=int, default=usual.idle)
    parser.add_argument("--models", type=int, default=usual.models)
    parser.add_argument("--out", type=Path, help="file for the findings as JSON")
    given = parser.parse_args()
    scale = Scale(given.seconds, given.overload_s, given.clients, given.idle, given.models)
    try:
        found, left_out = run(given.only.split(","), scale)
    except TradewindError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(told(found, left_out))
    if given.out is not None:
        findings = {name: dataclasses.asdict(finding) for name, finding in found.items()}
        document = {
            "machine": dataclasses.asdict(Machine.here()),
            "scale": dataclasses.asdict(scale),
            "findings": findings,
            "not_tried": left_out,
        }
        given.out.write_text(json.dumps(document, indent=1) + "\n")
    return int(any(not claim.is_kept for one in found.values() for claim in one.claims))


if __name__ == "__main__":
    sys.exit(main())

"""Runs every case on one engine, in a process that a crash of the engine may end.

python -m tests.conformance.answering ENGINE FILE

Writes two lines of JSON a case to FILE: its name before, its outcome after. Cases that FILE
names already are left out, so that what was interrupted can be taken up again.
"""

import os
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from tests.conformance.alone import is_right_alone
from tests.conformance.cases import load_cases
from tests.conformance.judging import Outcome, Verdict, judge
from tests.conformance.reviewed import load_review

from tradewind.engines import ENGINES, OnnxRuntime


def main(name: str, path: Path) -> None:
    """Write the outcomes of one engine."""
    kind = next(kind for kind in ENGINES if kind.name == name)
    has_threads = any(field.name == "threads" for field in fields(kind))
    settings: dict[str, Any] = {"threads": 1} if has_threads else {}  # two engines run side by side
    engine = replace(kind(), **settings)
    review = load_review()
    done = {begun for begun, _ in read_outcomes(path)}
    with path.open("ab") as file:
        for case in load_cases():
            if case.name in done:
                continue
            _write(file, case.name)
            is_random = review.is_random(case.name)
            outcome = judge(case, engine, is_random=is_random)
            if kind is OnnxRuntime and outcome.verdict is not Verdict.PASSED:
                alone = is_right_alone(case, is_random=is_random)
                outcome = replace(outcome, is_right_alone=alone)
            _write(file, outcome)


def _write(file: BinaryIO, value: str | Outcome) -> None:
    file.write(msgspec.json.encode(value) + b"\n")
    file.flush()


def read_outcomes(path: Path) -> list[tuple[str, Outcome | None]]:
    """Return the cases begun, with their outcomes; None where there is none."""
    found: dict[str, Outcome | None] = {}
    for line in path.read_bytes().splitlines() if path.exists() else ():
        known = msgspec.json.decode(line, type=str | Outcome)
        name = known if isinstance(known, str) else known.case
        found[name] = None if isinstance(known, str) else known
    return list(found.items())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
    os._exit(0)  # the engines' own threads may outlive what they work on

"""The published table of what came of the standard's own tests."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import onnx
from tests.cases.case import GENERAL
from tests.conformance.cases import SETS
from tests.conformance.judging import Outcome, Verdict
from tests.conformance.reviewed import REFUSALS, Review

from tradewind.engines import OnnxRuntime

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "backend.md"

_INTRODUCTION = """<!-- Written by `python -m tests.conformance.publish`; run it again instead. -->

# ONNX's own tests

The `onnx` package ships small models with inputs and the answers that the standard expects: one or
more for every operator, some networks that PyTorch exported, and well-known networks with made-up
weights (`light`). All of them are imported, compiled and asked through Tradewind on every engine,
by `tests/conformance`, which fails on a wrong answer that nobody has looked at.

A number counts as right within 0.1%, or 1e-5, or a millionth of the largest number in the output;
float16 and bfloat16 within two of their last places.

These tests hold the newest form of every operator. Older forms, of opset 7 to 17, are compared
between the engines by `tests/engines/test_older_forms.py`.
"""

PIPE = "\\|"
"""How Markdown writes a bar inside a table."""

_COLUMNS = {
    Verdict.PASSED: "right",
    Verdict.NOT_IMPORTED: "not imported",
    Verdict.UNSUPPORTED: "refused when compiled",
    Verdict.REFUSED: "refused when asked",
    Verdict.WRONG: "different",
}


def versions() -> dict[str, str]:
    """Return the versions that the results are of."""
    return {"onnx": onnx.__version__, **{kind.name: kind.version() for kind in GENERAL}}


def counts_on(page: str) -> dict[str, int]:
    """Return the number of tests that each engine passed, as a page says."""
    found = re.findall(r"^\| (\w+) \| all \| [\d,]+ \| ([\d,]+) \|", page, re.MULTILINE)
    return {engine: int(count.replace(",", "")) for engine, count in found}


def page(outcomes: Sequence[Outcome], review: Review) -> str:
    """Return the page in Markdown."""
    parts = [
        _INTRODUCTION,
        _table(("of", "version"), list(versions().items())),
        _table(("engine", "tests", "of them", *_COLUMNS.values()), _summary(outcomes)),
        _TEXTS["random"],
        _table(("tests", "why"), [(f"`{one.tests}`", one.reason) for one in review.random]),
        "## Different answers\n",
        _table(("engine", "test", "why it is accepted"), _differences(outcomes, review)),
        "## Refusals\n",
        _TEXTS["refusals"],
        _table(("engine", "tests", "why"), _reasons(outcomes, review)),
        "## Operators that are refused\n",
        _TEXTS["operators"],
        *(
            f"### {kind.name}\n\n{_table(_OPERATOR_COLUMNS, _operators(outcomes, kind.name))}"
            for kind in GENERAL
        ),
        _beside(outcomes),
    ]
    return "\n".join(parts)


_OPERATOR_COLUMNS = ("operator", "right", "refused", "what the engine says of the first")

_TEXTS = {
    "random": "Of these only the shape and type of the answer are compared:\n",
    "refusals": "A refusal is an error that says what is wrong, before any answer is given.\n",
    "operators": "Those in tests that are imported, with the number of tests they occur in.\n",
}

_BESIDE = """## Beside ONNX Runtime alone

What ONNX Runtime does not answer rightly through Tradewind is asked of it once more through its own
API, with its default settings, and judged in the same way. Of these {count:,} tests it answers
{lost} then, a graph without inputs, which has nothing to serve; `tests/conformance` fails when
there is another. Tests whose inputs or outputs are sequences are left out: Tradewind serves
tensors.

ONNX Runtime publishes the tests that it leaves out of its own runs of this suite
(`onnxruntime/test/testdata/onnx_backend_test_series_filters.jsonc`; it also leaves out float16 and
operator sets that it does not know). Held against the list of early 2026, it would run 1,407 of
the 2,033 tests of ONNX 1.23 (69.2%). Of those, 1,336 are answered rightly through Tradewind, and
each of the other 71 for one of the reasons above: 33 are newer than that list and refused by the
runtime itself or by name, 29 take or give what is no tensor of the Open Inference Protocol or have
no inputs, 8 need a locale (`en_US.UTF-8`) that the machine did not have, and one reduces truth
values of which there are none. Most of what the list leaves out is answered rightly as well.
"""


def _beside(outcomes: Sequence[Outcome]) -> str:
    """Return which tests ONNX Runtime answers alone only."""
    ours = [outcome for outcome in outcomes if outcome.engine == OnnxRuntime.name]
    return _BESIDE.format(
        count=sum(outcome.verdict is not Verdict.PASSED for outcome in ours),
        lost=", ".join(f"`{outcome.case}`" for outcome in ours if outcome.is_right_alone),
    )


def _summary(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for kind in GENERAL:
        own = [outcome for outcome in outcomes if outcome.engine == kind.name]
        for name in (*SETS, "all"):
            part = [outcome for outcome in own if name in (outcome.set, "all")]
            counts = Counter(outcome.verdict for outcome in part)
            numbers = (len(part), *(counts[verdict] for verdict in _COLUMNS))
            rows.append((kind.name, name, *(f"{number:,}" for number in numbers)))
    return rows


def _differences(outcomes: Sequence[Outcome], review: Review) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for outcome in outcomes:
        entry = review.difference(outcome)
        if outcome.verdict is Verdict.WRONG and entry is not None:
            rows.append((outcome.engine, f"`{outcome.case}`", f"{entry.reason}"))
    return rows


def _reasons(outcomes: Sequence[Outcome], review: Review) -> list[tuple[str, ...]]:
    counts: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        if outcome.verdict in REFUSALS:
            entry = review.refusal(outcome)
            counts[outcome.engine, entry.reason if entry else "not looked at"] += 1
    ordered = sorted(counts.items(), key=lambda pair: (pair[0][0], -pair[1]))
    return [(engine, f"{count:,}", reason) for (engine, reason), count in ordered]


def _operators(outcomes: Sequence[Outcome], engine: str) -> list[tuple[str, ...]]:
    refused: dict[str, list[Outcome]] = defaultdict(list)
    right: Counter[str] = Counter()
    for outcome in outcomes:
        if outcome.engine != engine:
            continue
        if outcome.verdict is Verdict.PASSED:
            right.update(outcome.operators)
        elif outcome.verdict in (Verdict.UNSUPPORTED, Verdict.REFUSED):
            for operator in _to_blame(outcome):
                refused[operator].append(outcome)
    return [
        (operator, f"{right[operator]:,}", f"{len(found):,}", _said(found[0]))
        for operator, found in sorted(refused.items())
    ]


def _to_blame(outcome: Outcome) -> list[str]:
    """Return the operators that a message names; all of a small graph where it names none."""
    named = [op for op in outcome.operators if re.search(rf"\b{op}\b", outcome.detail)]
    return named or list(outcome.operators if len(outcome.operators) <= 2 else ("several",))


def _said(outcome: Outcome) -> str:
    text = outcome.detail.splitlines()[0].partition("got ")[2].rstrip(".")
    if text in ("BF16", "BYTES"):
        return f"a tensor of {text} goes in or comes out"
    return text.replace("<", "&lt;")[:160]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += [f"| {' | '.join(cell.replace('|', PIPE) for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"

"""The table of everything that tests have imported, written where `--imports FILE` says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tradewind.engines import ENGINES, OnnxRuntime
from tradewind.errors import EngineError
from tradewind.importers.closeness import error_of
from tradewind.importers.probes import probes
from tradewind.model import Model
from tradewind.tensors import Array, Tensors


@dataclass(frozen=True)
class Row:
    """One model that was imported."""

    framework: str
    form: str  # the kind of file, or "in memory"
    name: str
    parity: str  # against the framework itself, on ONNX Runtime
    engines: Mapping[str, str]  # of every other engine against ONNX Runtime
    note: str = ""


@dataclass
class Imports:
    """All rows of one test run."""

    rows: list[Row] = field(default_factory=list)

    def record(
        self,
        framework: str,
        form: str,
        name: str,
        model: Model,
        *,
        questions: Sequence[Tensors] | None = None,
        note: str = "",
    ) -> None:
        """Note a model that was imported with parity, and how the other engines answer.

        Args:
            framework: where it was trained.
            form: the kind of file, or "in memory".
            name: what it is.
            model: the import.
            questions: inputs that make sense; `probes` of its signature when None.
            note: anything worth a reader's time.
        """
        asked = list(probes(model.signature) if questions is None else questions)[:4]
        parity = model.origin.parity
        told = "the graph itself" if parity is None else f"{parity.largest:.1e}"
        if parity is not None and parity.differing:
            told += f", {parity.differing:.2%} of examples beyond {parity.tolerance:g}"
        with OnnxRuntime(threads=1).compile(model) as runner:
            answers = [runner(inputs) for inputs in asked]
        engines = {
            kind.name: _agreement(kind().compile, model, asked, answers)
            for kind in ENGINES
            if kind is not OnnxRuntime
        }
        self.rows.append(Row(framework, form, name, told, engines, note))

    def write(self, path: Path) -> None:
        """Write the table as a page of the documentation."""
        names = [kind.name for kind in ENGINES if kind is not OnnxRuntime]
        lines = [_HEAD, _line(["framework", "form", "model", "parity", *names, "note"])]
        lines.append(_line(["---"] * (5 + len(names))))
        for row in sorted(self.rows, key=lambda row: (row.framework, row.form, row.name)):
            cells = [row.framework, row.form, row.name, row.parity]
            lines.append(_line([*cells, *(row.engines.get(name, "") for name in names), row.note]))
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


IMPORTS = Imports()

_HEAD = """<!-- Written by the tests: make test-frameworks -->

# What was imported

Every model here is imported by a test, and asked the same questions as the framework that it came
from: batches of one and of many, zeros, large values, texts that are empty or foreign, missing
values where the model knows them. *Parity* is the largest |graph - original| / max(1, |original|)
over all of them on ONNX Runtime; the other engines are compared with ONNX Runtime.
"""


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _agreement(
    compile_: object, model: Model, asked: Sequence[Tensors], answers: Sequence[dict[str, Array]]
) -> str:
    assert callable(compile_)
    try:
        with compile_(model) as runner:
            errors = [
                float(error_of(runner(inputs)[name], wanted).max(initial=0.0))
                for inputs, answer in zip(asked, answers, strict=True)
                for name, wanted in answer.items()
            ]
    except EngineError:
        return "cannot run it"
    return f"{max(errors):.1e}"

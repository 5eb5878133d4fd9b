"""The dashboard asks for metrics and labels that the server has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tradewind.measure import Rapl
from tradewind.serve.observing import About, ModelMetrics, Observing, ServerMetrics

DASHBOARD = json.loads(
    (Path(__file__).parents[3] / "docs" / "grafana" / "tradewind.json").read_text()
)
MACROS = {"model", "datasource", "__rate_interval"}


def expressions() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The labels of each series that a server with everything switched on shows."""
    folder = tmp_path_factory.mktemp("powercap")
    (folder / "intel-rapl:0").mkdir()
    for name in ("energy_uj", "max_energy_range_uj"):
        (folder / "intel-rapl:0" / name).write_text("100")
    model = ModelMetrics(
        int, int, lambda: (1, 2), About("m", "1", "int8", "onnx"), int, lambda: (0.1, 0.2)
    )
    model.count_answer(0.1, 0.2, 0.3)
    metrics = ServerMetrics(
        lambda: [model], lambda: True, "1", Observing(watts_per_core=1),
        dropped=lambda: {"span": 1}, rapl=Rapl(folder),
    )  # fmt: skip
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize(("expression", "legend"), list(expressions()))
def test_every_expression_asks_for_what_is_there(
    expression: str, legend: str, labels: dict[str, set[str]]
) -> None:
    names = re.findall(r"tradewind_\w+", expression)
    assert names
    for name in names:
        assert name in labels
    used = {
        label.strip()
        for group in re.findall(r"\bby \(([^)]*)\)", expression)
        for label in group.split(",")
    }
    for name, matchers in re.findall(r"(tradewind_\w+)\{([^}]*)\}", expression):
        assert set(re.findall(r"(\w+)(?:=~|!~|!=|=)", matchers)) <= labels[name]
    known = set().union(*(labels[name] for name in names))
    assert used <= known
    # what a legend shows has to be left by the sum
    assert set(re.findall(r"{{(\w+)}}", legend)) <= used
    assert expression.count("(") == expression.count(")")
    assert set(re.findall(r"\$(\w+)", expression)) <= MACROS


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 10
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells

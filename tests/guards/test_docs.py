"""The documentation agrees with the code, and with itself."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest
from prometheus_client import generate_latest

import tradewind
from tradewind import errors
from tradewind.budget import Budget
from tradewind.bundle import Manifest, VariantRecord
from tradewind.cli.root import COMMANDS
from tradewind.cli.root import tradewind as root
from tradewind.data import Preprocessing
from tradewind.engines import ENGINES
from tradewind.evidence import Certificate
from tradewind.passes import PASSES
from tradewind.search import SearchSettings
from tradewind.serve import Security, Settings
from tradewind.serve.observing import Capture, ModelMetrics, Observing, ServerMetrics
from tradewind.serve.refusals import STATUS, Reason

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

PAGES = sorted(
    [
        *DOCS.rglob("*.md"),
        *(ROOT / "changelog.d").glob("*.md"),
        *(path for name in ("README", "CONTRIBUTING") if (path := ROOT / f"{name}.md").exists()),
    ]
)

FORBIDDEN = {
    "a path of somebody's machine": r"/home/|/root/|/Users/|(?<![\w.])/tmp/",
    "a note to ourselves": r"\bTODO\b|\bFIXME\b|\bXXX\b|\bTBD\b",
    "a word that sells": (
        r"\b(blazing|seamless(ly)?|effortless(ly)?|powerful|cutting[- ]edge|revolutionary"
        r"|state[- ]of[- ]the[- ]art|game[- ]chang\w+|world[- ]class|leverag\w+|supercharg\w+"
        r"|lightning[- ]fast)\b"
    ),
}


def name_of(path: Path) -> str:
    """Name a page in the report of a test."""
    return path.relative_to(ROOT).as_posix()


def reference(name: str) -> str:
    """Return one page of the reference."""
    return (DOCS / "reference" / name).read_text(encoding="utf-8")


def prose(path: Path) -> str:
    """Return a page without its blocks of code and comments."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"^ *(```+)[^\n]*\n.*?^ *\1 *$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


def test_the_documentation_has_pages() -> None:
    assert len(PAGES) >= 15


def test_the_reference_is_what_the_code_says() -> None:
    command = [sys.executable, str(DOCS / "generate.py"), "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_option_says_what_it_means_in_whole_marks() -> None:
    rows = [line for line in reference("cli.md").splitlines() if line.startswith("| `--")]
    assert len(rows) > 100
    for row in rows:
        *_, meaning, _ = row.split(" |")
        assert meaning.strip(), row
        assert "``" not in row, row


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_in_the_reference(name: str) -> None:
    command = root.get_command(click.Context(root), name)
    assert command is not None
    section = reference("cli.md").partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    assert section
    for parameter in command.params:
        for option in parameter.opts if isinstance(parameter, click.Option) else ():
            assert f"`{option}" in section


def test_every_error_is_in_the_reference() -> None:
    found = [one for one in vars(errors).values() if isinstance(one, type)]
    names = [one.__name__ for one in found if issubclass(one, errors.TradewindError)]
    assert len(names) > 10
    for name in names:
        assert f"| `{name}` |" in reference("errors.md")


def test_every_metric_is_in_the_reference() -> None:
    counted = ModelMetrics(lambda: 0, lambda: 0)
    metrics = ServerMetrics(lambda: [counted], lambda: True, "0", Observing(watts_per_core=1))
    text = generate_latest(metrics.registry).decode()
    names = re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)
    assert names
    for name in names:
        assert f"| `{name}` |" in reference("metrics.md")


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_in_the_reference_with_its_status(reason: Reason) -> None:
    assert f"| `{reason.value}` | {STATUS[reason]} |" in reference("metrics.md")


@pytest.mark.parametrize(
    "kind",
    [
        Budget,
        SearchSettings,
        Preprocessing,
        Settings,
        Security,
        Observing,
        Capture,
        *ENGINES,
        *PASSES,
    ],
)
def test_every_setting_is_in_the_reference(kind: type) -> None:
    section = re.search(
        rf"^## tradewind\.[\w.]*\b{kind.__name__}\n(.*?)(?=^## |\Z)",
        reference("settings.md"),
        re.MULTILINE | re.DOTALL,
    )
    assert section is not None
    for field in fields(kind):
        assert f"| `{field.name}` |" in section[1]


@pytest.mark.parametrize("kind", [Manifest, VariantRecord, Certificate])
def test_every_field_of_the_manifest_is_in_the_reference(kind: type) -> None:
    section = reference("manifest.md").partition(f"\n## {kind.__name__}\n")[2].partition("\n## ")[0]
    for field in fields(kind):
        assert f"| `{field.name}` |" in section


def test_every_public_name_is_in_the_reference() -> None:
    for name in tradewind.__all__:
        assert f"\n## {name}\n" in reference("python.md")


def test_every_page_is_in_the_navigation() -> None:
    listed = re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(
        path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")
    )


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_link_leads_somewhere(path: Path) -> None:
    dead = [target for target in links(path) if not leads_somewhere(path, target)]
    assert not dead


def links(path: Path) -> Iterator[str]:
    """Yield the targets of all links that stay within the project."""
    for target in re.findall(r"\]\(<?([^)>\s]+)>?[^)]*\)", prose(path)):
        if not re.match(r"[a-z]+:", target):
            yield target


def leads_somewhere(path: Path, target: str) -> bool:
    """Say whether a file is there, with the heading that is meant."""
    name, _, anchor = target.partition("#")
    found = (path.parent / name).resolve() if name else path
    if not found.exists():
        return False
    return not anchor or anchor in anchors(found)


def anchors(path: Path) -> set[str]:
    """Return the anchors of all headings, as MkDocs and GitHub make them."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(path), re.MULTILINE)
    plain = [re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in headings]
    return {re.sub(r"\s+", "-", heading) for heading in plain}


@pytest.mark.parametrize("what", FORBIDDEN)
@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_no_page_holds(path: Path, what: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if re.search(FORBIDDEN[what], line, re.IGNORECASE)]
    assert not found

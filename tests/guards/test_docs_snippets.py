"""What the documentation tells people to type works.

Blocks of Python run, page by page and in order, in a folder that holds what the pages speak of:
`model.onnx`, `test.npz`, `new.npz`, the bundle `model.tw` and `result.json`. Commands are parsed
by the command line itself, and run where they are quick. A block that cannot run has a comment
`<!-- not-run: reason -->` in front of it.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tradewind.cli.root import COMMANDS
from tradewind.cli.root import tradewind as root

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        *(path for name in ("README", "CONTRIBUTING") if (path := ROOT / f"{name}.md").exists()),
    ]
)
QUICK = ("inspect", "doctor", "verify", "predict", "completion")
ASKING_A_SERVER = ROOT / "docs" / "guides" / "serving.md"
"""Its Python speaks to a running server through a client that is no dependency of this project."""
SHELLS = ("", "console", "bash", "sh", "shell")

BLOCK = re.compile(
    r"(?P<comment><!-- not-run: (?P<reason>.+?) -->\s*)?"
    r"^(?P<indent> *)```(?P<language>[a-z]*)[^\n]*\n(?P<text>.*?)^(?P=indent)``` *$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    language: str
    text: str
    is_run: bool

    @property
    def commands(self) -> list[list[str]]:
        """The words of every `tradewind` command, without what the shell does with it."""
        if self.language not in SHELLS:
            return []
        whole = self.text.replace("\\\n", " ")
        lines = re.findall(r"^ *(?:\$ )?(?:tradewind) (?=[a-z-]).*$", whole, re.MULTILINE)
        return [words for line in lines for words in _split(line.strip().removeprefix("$ "))]


def _split(line: str) -> list[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    is_target = False
    for word in lexer:
        if set(word) <= set("|&;"):
            commands.append([])
        elif set(word) <= set("<>"):
            is_target = True
        elif is_target:
            is_target = False
        else:
            commands[-1].append(word)
    return [words[1:] for words in commands if words[:1] == ["tradewind"]]


def blocks(path: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    return [
        Block(
            found["language"],
            re.sub(rf"^{found['indent']}", "", found["text"], flags=re.MULTILINE),
            not found["reason"],
        )
        for found in BLOCK.finditer(path.read_text(encoding="utf-8"))
    ]


def name_of(path: Path) -> str:
    """Name a page in the report of a test."""
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the pages speak of."""
    folder = tmp_path_factory.mktemp("docs")
    random = np.random.default_rng(0)
    weight = random.standard_normal((64, 10)).astype(np.float32)
    onnx.save(_linear(weight), folder / "model.onnx")
    examples = random.standard_normal((600, 64)).astype(np.float32)
    np.savez(folder / "test.npz", input=examples, label=(examples @ weight).argmax(axis=1))
    np.savez(folder / "new.npz", input=examples[:50])
    command = [sys.executable, "-m", "tradewind", "optimize", "model.onnx", "--data", "test.npz"]
    command += ["--time", "5s", "--effort", "quick", "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (folder / "result.json").write_text(done.stdout, encoding="utf-8")
    return folder


def _linear(weight: np.ndarray) -> onnx.ModelProto:
    """Return a classifier; quantizers leave an Einsum alone, which saves their time here."""
    graph = helper.make_graph(
        [
            helper.make_node("Einsum", ["input", "weight"], ["product"], equation="nd,dc->nc"),
            helper.make_node("Add", ["product", "bias"], ["scores"]),
        ],
        "linear",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 64])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 10])],
        [
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(np.zeros(10, np.float32), "bias"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_the_pages_hold_snippets() -> None:
    found = [block for path in PAGES for block in blocks(path)]
    assert sum(block.language == "python" for block in found) >= 10
    assert sum(len(block.commands) for block in found) >= 15


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_command_is_understood(path: Path) -> None:
    context = click.Context(root, info_name="tradewind")
    for block in blocks(path):
        for words in block.commands:
            if words[:1] in (["--version"], ["--help"], ["-h"]):
                continue
            assert words[0] in COMMANDS
            command = root.get_command(context, words[0])
            assert command is not None
            try:
                command.make_context(words[0], list(words[1:]), parent=context)
            except click.exceptions.Exit:  # --help
                continue
            except click.ClickException as error:
                pytest.fail(f"tradewind {shlex.join(words)}: {error.format_message()}")


@pytest.mark.parametrize(
    "path",
    [
        one
        for one in PAGES
        if one != ASKING_A_SERVER and any(block.language == "python" for block in blocks(one))
    ],
    ids=name_of,
)
def test_every_block_of_python_runs(path: Path, prepared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "page"
    shutil.copytree(prepared, folder)
    script = folder / "page.py"
    script.write_text(_script(path), encoding="utf-8")
    command = [sys.executable, "-W", "error::DeprecationWarning:__main__", str(script)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(folder)])}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def _script(path: Path) -> str:
    """Return a page as one program: its Python, with the quick commands in between."""
    parts = ["from tradewind.cli.root import run as _run"]
    for block in blocks(path):
        if not block.is_run:
            continue
        if block.language == "python":
            parts.append(re.sub(r"\btime_s=\d+", "time_s=5", block.text))
        parts += [f"assert _run({one!r}) == 0" for one in block.commands if one[0] in QUICK]
    return "\n".join(parts)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_script_and_target_exists(path: Path) -> None:
    makefile = ROOT / "Makefile"
    targets = makefile.read_text(encoding="utf-8") if makefile.exists() else ""
    for block in blocks(path):
        if block.language not in SHELLS or not block.is_run:
            continue
        for name in re.findall(r"^ *(?:\$ )?python ([\w./-]+\.py)", block.text, re.MULTILINE):
            assert (ROOT / name).is_file(), name
        for name in re.findall(r"^ *(?:\$ )?make ([\w-]+)", block.text, re.MULTILINE):
            assert re.search(rf"^{name}:", targets, re.MULTILINE), name

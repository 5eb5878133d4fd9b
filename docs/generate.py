"""The pages of docs/reference, written from the code they describe.

python docs/generate.py            writes them
python docs/generate.py --check    exits with 1 when one of them is out of date
"""

import dataclasses
import difflib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import get_args, get_type_hints

import click

import tradewind
from describing import arguments, fields_of, first, signature, table
from tradewind import errors
from tradewind.budget import Budget
from tradewind.bundle import Manifest
from tradewind.cli.root import COMMANDS
from tradewind.cli.root import tradewind as root
from tradewind.data import Preprocessing
from tradewind.engines import Engine, OneDAL, OnnxRuntime, OpenVINO, PyTorch
from tradewind.passes import PASSES, Distil, Pass
from tradewind.search import SearchSettings
from tradewind.serve import Caching, Residency, Security, Sequences, Settings, State
from tradewind.serve.observing import About, Capture, ModelMetrics, Observing, ServerMetrics
from tradewind.serve.refusals import STATUS, Reason

FOLDER = Path(__file__).parent / "reference"
_EVERY_ENGINE: tuple[type[Engine], ...] = (OnnxRuntime, OpenVINO, OneDAL, PyTorch)
_EVERY_PASS: tuple[type[Pass], ...] = (*(kind for kind in PASSES if kind is not Distil), Distil)
"""Also those whose packages are not installed here: the pages are the same everywhere."""
NOTE = "<!-- Written by docs/generate.py from the code; edit the code instead. -->\n\n"


def main(given: list[str]) -> int:
    """Write the pages, or compare them with what would be written."""
    if given not in ([], ["--check"]):
        print("usage: python docs/generate.py [--check]", file=sys.stderr)
        return 2
    stale = False
    for name, page in PAGES.items():
        path, text = FOLDER / name, NOTE + page()
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if not given:
            path.write_text(text, encoding="utf-8")
        elif before != text:
            stale = True
            lines = (before.splitlines(True), text.splitlines(True))
            sys.stderr.writelines(difflib.unified_diff(*lines, f"{path}", f"{path} anew"))
    if stale:
        print("hint: run `python docs/generate.py` and commit what it writes.", file=sys.stderr)
    return int(stale)


def cli_page() -> str:
    """Return every command with its arguments, options and defaults."""
    context = click.Context(root, info_name="tradewind")
    parts = [
        "# Command line\n",
        "Every command prints what was asked for on stdout; progress, notes and errors go to "
        "stderr. With `--json` stdout holds one JSON document and nothing else, also when "
        'something goes wrong: `{"error": {"message": ..., "where": ..., "hint": ...}}`. '
        "[Errors](errors.md) lists the exit codes.\n",
        table(
            ("command", "does"), [(f"[`{name}`](#{name})", does) for name, does in COMMANDS.items()]
        ),
    ]
    for name in COMMANDS:
        command = root.get_command(context, name)
        assert command is not None
        parts.append(_command(name, command, context))
    return "\n".join(parts)


def _command(name: str, command: click.Command, above: click.Context, marks: str = "##") -> str:
    context = click.Context(command, info_name=name, parent=above)
    usage = " ".join(["tradewind", name, *command.collect_usage_pieces(context)])
    parts = [f"{marks} {name}\n", f"```text\n{usage}\n```\n", _plain(command.help or "")]
    if isinstance(command, click.Group):
        inner = command.commands.items()
        parts += [_command(f"{name} {sub}", one, context, "###") for sub, one in inner]
        return "\n".join(parts)
    options = [one for one in command.params if isinstance(one, click.Option)]
    rows = [(_names(one, context), *_default(one)) for one in options]
    parts.append(table(("option", "default", "meaning"), rows))
    return "\n".join(parts)


def _names(option: click.Option, context: click.Context) -> str:
    value = "" if option.is_flag else f" {option.make_metavar(context)}"
    return f"`{', '.join(option.opts)}{value}`"


def _default(option: click.Option) -> tuple[str, str]:
    """Return an option's default and what it means; a default may be told in the help."""
    meaning, _, told = (option.help or "").partition(" [default: ")
    default = option.to_info_dict()["default"]
    if option.required:
        found = "required"
    elif told:
        found = told.rstrip("]")
    else:
        found = "" if option.is_flag or default in (None, "") else f"`{default}`"
    return found, _plain(meaning)


def _plain(text: str) -> str:
    """Return help without the marks and line breaks that are meant for terminals."""
    paragraphs = inspect.cleandoc(text).replace("\b\n", "").split("\n\n")
    joined = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    # names in capitals are arguments, other special characters would be markup
    marked = re.sub(r"`[^`]*`|(?<!\w)--[a-z-]+", lambda found: f"`{found[0].strip('`')}`", joined)
    return marked.strip() + ("\n" if "\n" in text else "")


def errors_page() -> str:
    """Return the tree of errors with their exit codes."""
    tree = inspect.cleandoc(errors.__doc__ or "")
    drawing = tree[tree.index("TradewindError") : tree.index("A message reads")].strip()
    rows = [
        (f"`{kind.__name__}`", f"{kind.exit_code}", first(kind))
        for kind in _descendants(errors.TradewindError)
    ]
    return "\n".join(
        [
            "# Errors\n",
            "Everything that Tradewind raises on purpose is a `TradewindError` from "
            "`tradewind.errors`, with the fields `where`, `expected`, `got` and `hint`. Its text "
            "is what the command line prints after its name:\n",
            "```text\n"
            + str(errors.DataError("image", "FP32[N, 3, 32, 32]", "FP32[500, 32, 32, 3]",
                "the channels come first here; transpose with `array.transpose(0, 3, 1, 2)`."))
            + "\n```\n",
            f"```text\n{drawing}\n```\n",
            table(("class", "exit code", "meaning"), rows),
            "A command exits with 0 on success, 2 when its usage is wrong, 130 when it was "
            "interrupted, 143 when it was told to end with SIGTERM, and 1 on any error that is not "
            "in this tree, which is a bug.\n",
        ]
    )  # fmt: skip


def _descendants(kind: type[errors.TradewindError]) -> Iterator[type[errors.TradewindError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _descendants(child)


# ---------------------------------------------------------------- metrics of the server

_MEANINGS = {
    Reason.INVALID: "The request is no inference request, or does not fit the model's signature.",
    Reason.UNAUTHENTICATED: "The request brings no key or token that this server knows.",
    Reason.FORBIDDEN: "Whoever asks may not do this.",
    Reason.UNKNOWN_MODEL: "No model of that name is served.",
    Reason.NOT_FOUND: "There is no such path.",
    Reason.WRONG_VERB: "The path exists for another method; the header `Allow` names it.",
    Reason.BODY_TOO_LARGE: "The body is larger than allowed, as sent or after unpacking.",
    Reason.UNSUPPORTED_ENCODING: "The Content-Encoding is neither gzip nor deflate.",
    Reason.SLOW_BODY: "The client took too long to send its body.",
    Reason.BUSY_READING: "The bodies of other requests take up all the room there is.",
    Reason.RATE_LIMITED: "The client has used up what its key allows for now.",
    Reason.QUEUE_FULL: "As many requests wait for the model as may wait.",
    Reason.DEADLINE: "The request waited, or would have waited, longer than it may.",
    Reason.DRAINING: "The server is about to stop.",
    Reason.CLIENT_GONE: "The client closed the connection; nobody reads the status.",
    Reason.UNKNOWN_SEQUENCE: "The sequence has not begun, or is not remembered any more.",
    Reason.TOO_MANY_SEQUENCES: "As many sequences as are remembered have begun and not ended.",
    Reason.UNSUPPORTED: "An extension of the protocol that is off, such as shared memory.",
    Reason.NOT_MANAGED: "Loading or unloading was asked of a server that does neither.",
    Reason.NOT_LOADED: "The model is there, but whoever controls the server has not loaded it.",
    Reason.LOADING: "The model is still being loaded; `Retry-After` says when to come back.",
    Reason.LOAD_FAILED: "The model is damaged or cannot run here; the index says why.",
    Reason.NO_ROOM: "The model does not fit beside those that must stay in memory.",
}


def metrics_page() -> str:
    """Return every metric of the server, and every reason for a refusal with its status."""
    model = ModelMetrics(lambda: 0, lambda: 0, lambda: (0,), About("NAME", "1"))
    found = ServerMetrics(
        lambda: [model], lambda: True, tradewind.__version__, Observing(watts_per_core=1)
    )
    rows = []
    for metric in found.collect():
        seen = {label for sample in metric.samples for label in sample.labels}
        labels = sorted({*seen, *getattr(metric, "_labelnames", ())} - {"le"})
        name = metric.name + {"counter": "_total", "info": "_info"}.get(metric.type, "")
        rows.append((f"`{name}`", metric.type, _code(labels), metric.documentation))
    reasons = [
        (f"`{reason.value}`", f"{STATUS[reason]}", _MEANINGS[reason])
        for reason in sorted(Reason, key=lambda one: (STATUS[one], one.value))
    ]
    return "\n".join(
        [
            "# Metrics and refusals\n",
            "`GET /metrics` of `tradewind serve` answers in the text format of Prometheus.\n",
            table(("metric", "type", "labels", "meaning"), rows),
            "A histogram has the usual series `_bucket`, `_sum` and `_count`. Requests that "
            "belong to no model count as refused under the empty name.\n",
            "## Refusals\n",
            "Each refusal is counted under `tradewind_requests_refused_total` with its reason, "
            'and answered with `{"error": "..."}`.\n',
            table(("reason", "HTTP status", "when"), reasons),
            "A model that breaks while it computes is answered with status 500, and counted "
            "under `tradewind_requests_failed_total`.\n",
        ]
    )


def settings_page() -> str:
    """Return the fields of every class of settings."""
    search = {"Budget": Budget, "SearchSettings": SearchSettings, "Preprocessing": Preprocessing}
    parts = [
        "# Settings\n",
        "Frozen dataclasses; a value outside its range is a `SettingError`.\n",
        *(_settings(kind, "tradewind." + name) for name, kind in search.items()),
        *(_settings(kind, _public(kind)) for kind in _EVERY_ENGINE),
        "Passes belong to `tradewind.passes`. Which of them the search tries, with which "
        "settings, depends on the model, the machine and the effort.\n",
        *(_settings(kind, "tradewind.passes." + kind.__name__) for kind in _EVERY_PASS),
        _settings(Settings, "tradewind.serve.Settings"),
        _settings(Residency, "tradewind.serve.Residency"),
        _settings(Caching, "tradewind.serve.Caching"),
        _settings(Sequences, "tradewind.serve.Sequences"),
        _settings(State, "tradewind.serve.State"),
        _settings(Security, "tradewind.serve.Security"),
        _settings(Observing, "tradewind.serve.Observing"),
        _settings(Capture, "tradewind.serve.Capture"),
    ]
    return "\n".join(parts)


def _public(kind: type) -> str:
    """Return the shortest name under which a class can be imported."""
    is_shown = kind.__name__ in tradewind.__all__
    return f"tradewind.{kind.__name__}" if is_shown else f"tradewind.engines.{kind.__name__}"


def _settings(kind: type, name: str) -> str:
    rows = [(f"`{one.name}`", one.type, one.default, one.meaning) for one in fields_of(kind)]
    settings = table(("field", "type", "default", "meaning"), rows) if rows else "No settings.\n"
    return f"## {name}\n\n{first(kind)}\n\n{settings}"


def manifest_page() -> str:
    """Return every field of manifest.json."""
    parts = [
        "# Manifest\n",
        "`manifest.json` in a bundle, and what `tradewind optimize --json` prints. The printed "
        "document has two fields more: `bundle` and `report`, the paths that were written. "
        "What was not measured is null. Values of an enumeration are strings.\n",
    ]
    for kind in _kinds(Manifest, {}):
        rows = [(f"`{one.name}`", one.type, one.meaning) for one in fields_of(kind, as_json=True)]
        parts += [
            f"## {kind.__name__}\n",
            first(kind) + "\n",
            table(("field", "type", "meaning"), rows),
        ]
    return "\n".join(parts)


def _kinds(kind: type, seen: dict[type, None]) -> Iterable[type]:
    """Return a dataclass with all that it refers to, in the order of first mention."""
    seen.setdefault(kind)
    for hint in get_type_hints(kind).values():
        for one in (hint, *get_args(hint)):
            if isinstance(one, type) and dataclasses.is_dataclass(one) and one not in seen:
                _kinds(one, seen)
    return seen


def python_page() -> str:
    """Return the public names with their signatures."""
    parts = [
        "# Python\n",
        "The names of `import tradewind`. Each is loaded when it is first used.\n",
    ]
    for name in tradewind.__all__:
        found = getattr(tradewind, name)
        if inspect.isclass(found) and issubclass(found, BaseException):
            parts.append(f"## {name}\n\n{first(found)} See [Errors](errors.md).\n")
            continue
        parts += [
            f"## {name}\n",
            f"```text\n{signature(name, found)}\n```\n",
            first(found) + "\n",
        ]
        rows = [(f"`{argument}`", said) for argument, said in arguments(found).items()]
        parts += [table(("argument", "meaning"), rows)] if rows else []
        if inspect.isclass(found):
            members = [(f"`{head}`", said) for head, said in _members(found)]
            parts += [table(("member", "meaning"), members)] if members else []
    return "\n".join(parts)


def _members(kind: type) -> Iterator[tuple[str, str]]:
    for name, member in vars(kind).items():
        if name.startswith("_"):
            continue
        plain = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if inspect.isfunction(plain):
            yield signature(name, getattr(kind, name)), _inherited(kind, name)
        elif isinstance(plain, property) or type(plain).__name__ == "cached_property":
            yield name, _inherited(kind, name)


def _inherited(kind: type, name: str) -> str:
    """Return what a member does; a contract is documented once, on the base."""
    for base in kind.__mro__:
        member = vars(base).get(name)
        if member is not None and getattr(member, "__doc__", None):
            return first(member)
    return ""


PAGES: Mapping[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "errors.md": errors_page,
    "manifest.md": manifest_page,
    "metrics.md": metrics_page,
    "python.md": python_page,
    "settings.md": settings_page,
}


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

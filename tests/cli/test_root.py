from typing import NoReturn

import pytest
from tests.cli.child import tradewind
from tests.cli.conftest import Quick
from tests.cli.samples import Sample

from tradewind import __version__
from tradewind.cli import main
from tradewind.cli.root import COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_names_an_example(command: str, quick: Quick) -> None:
    done = quick(command, "--help")
    assert done.code == 0
    assert f"tradewind {command}" in done.out.split("Example:")[1]
    assert "--json" in done.out or command == "completion"


def test_help_lists_every_command_with_what_it_does(quick: Quick) -> None:
    done = quick("--help")
    assert done.code == 0
    for command, what in COMMANDS.items():
        assert f"  {command} " in done.out
        assert what in " ".join(done.out.split())


def test_a_child_process_says_its_version() -> None:
    done = tradewind("--version")
    assert (done.code, done.out.strip(), done.err) == (0, f"tradewind {__version__}", "")


def test_no_command_shows_the_help(quick: Quick) -> None:
    done = quick()
    assert done.code == 2
    assert "tradewind demo" in done.err


@pytest.mark.parametrize("command", [(), ("keys",)])
def test_help_for_want_of_a_command_is_told_as_help(command: tuple[str], quick: Quick) -> None:
    done = quick(*command)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: tradewind")
    assert "hint" not in done.err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--concurrency", "0"),
        ("--min-stay-s", "-1"),
        ("--poll-s", "0"),
        ("--trace-rate", "2"),
        ("--state", "nonsense"),
        ("--capture", "/dev/null/x"),
    ],
)
def test_a_wrong_setting_is_called_by_its_option(
    option: str, value: str, sample: Sample, quick: Quick
) -> None:
    done = quick("serve", sample.model, option, value)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"tradewind: {option}: expected ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["optimize"],
        ["optimize", "model.onnx"],
        ["inspect", "model.onnx", "--nonsense"],
        ["optimize", "model.onnx", "--data", "data.npz", "--max-drop", "little"],
        ["bench", "model.onnx", "--data", "data.npz", "--batch-size", "0"],
        ["completion", "tcsh"],
    ],
)
def test_wrong_usage_ends_with_two_and_a_hint(arguments: list[str], quick: Quick) -> None:
    done = quick(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "hint: see `tradewind" in done.err


def test_wrong_usage_is_told_to_programs_too(quick: Quick) -> None:
    done = quick("optimize", "--json")
    assert done.code == 2
    assert "MODEL" in done.document["error"]["message"]


def test_an_error_for_programs_has_its_parts(quick: Quick) -> None:
    done = quick("inspect", "absent.onnx", "--json")
    assert done.code == 2
    found = done.document["error"]
    assert found["kind"] == "ModelError"
    assert found["where"] == "absent.onnx"
    assert {"message", "expected", "got", "hint"} <= found.keys()


def test_a_model_that_the_engine_cannot_run_ends_with_two(
    sample: Sample, quick: Quick, custom_operator: str
) -> None:
    done = quick("predict", custom_operator, "--in", sample.data, "--out", "answers.npz", "--json")
    assert done.code == 2
    assert done.document["error"]["kind"] == "UnsupportedModel"
    assert "Traceback" not in done.err


def test_an_interrupt_before_anything_is_loaded_leaves_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted(name: str) -> NoReturn:
        assert name == "tradewind.cli.root"
        raise KeyboardInterrupt

    monkeypatch.setattr("importlib.import_module", interrupted)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 130
    assert capfd.readouterr() == ("", "")

import shutil
import subprocess

import pytest
from tests.cli.child import COMMAND, ENVIRONMENT
from tests.cli.conftest import Quick


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_valid(shell: str, quick: Quick) -> None:
    done = quick("completion", shell)
    assert done.code == 0
    assert "_TRADEWIND_COMPLETE" in done.out
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    checked = subprocess.run(
        [shell, "-n"], input=done.out, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("tradewind opt", "optimize"),
        ("tradewind optimize --max-d", "--max-drop"),
        ("tradewind optimize --objective through", "throughput"),
    ],
)
def test_what_was_begun_is_completed(typed: str, completed: str) -> None:
    done = subprocess.run(
        COMMAND,
        env={
            **ENVIRONMENT,
            "_TRADEWIND_COMPLETE": "bash_complete",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(typed.split()) - 1),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"plain,{completed}" in done.stdout.split()

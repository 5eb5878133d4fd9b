"""Folders for temporary files."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tradewind.temporary import environment_inside, temporary_folder


def test_a_folder_is_gone_afterwards(tmp_path: Path) -> None:
    with temporary_folder(tmp_path) as folder:
        assert folder.parent == tmp_path
        (folder / "more").mkdir()
        (folder / "more" / "file").write_text("x")
    assert list(tmp_path.iterdir()) == []


def test_after_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), temporary_folder(tmp_path):
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_a_signal_while_it_is_removed_does_not_keep_it(
    end: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = shutil.rmtree
    calls = []

    def interrupted(path: Path, ignore_errors: bool) -> None:
        calls.append(path)
        if len(calls) == 1:
            raise end
        remove(path, ignore_errors=ignore_errors)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", interrupted)
        with pytest.raises(end), temporary_folder(tmp_path):
            pass
    assert len(calls) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_signal_while_it_is_made_does_not_keep_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Path.mkdir

    def made(path: Path, mode: int) -> None:
        make(path, mode)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", made)
        with pytest.raises(SystemExit), temporary_folder(tmp_path):
            pytest.fail("it went on")
    assert list(tmp_path.iterdir()) == []


def test_a_child_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    script = (
        "import os, signal; from tradewind.temporary import temporary_folder\n"
        "with temporary_folder() as folder: os.kill(os.getpid(), signal.SIGKILL)"
    )
    with temporary_folder(tmp_path) as folder:
        child = [sys.executable, "-c", script]
        done = subprocess.run(child, env=environment_inside(folder), check=False, timeout=60)
        assert done.returncode == -9
        assert [path.name.startswith("tradewind-") for path in folder.iterdir()] == [True]
    assert list(tmp_path.iterdir()) == []

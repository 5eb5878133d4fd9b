import zipfile
from pathlib import Path

import pytest

from tradewind.errors import EngineError, ModelError, OutputError, SettingError
from tradewind.importers import ENVIRONMENTS, environment, environments, install
from tradewind.importers.environments import HOME, Environment, python_of


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME, str(tmp_path / "home"))
    return tmp_path / "home"


def wheel(folder: Path, name: str) -> str:
    """Write a package with one empty module; return it as a requirement."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    about = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return f"{name} @ {path.as_uri()}"


def test_an_environment_is_installed_once_and_used(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Environment("tiny", "tinymodule", (wheel(tmp_path, "tinymodule"),), is_whole=True)
    monkeypatch.setattr(environments, "ENVIRONMENTS", (wanted,))
    with pytest.raises(ModelError, match="doctor --install tiny"):
        python_of("tiny", "model.x")
    said: list[str] = []
    install(wanted, said.append)
    assert wanted.is_installed
    assert wanted.folder.is_relative_to(kept)
    assert python_of("tiny", "model.x") == wanted.python
    assert said[-1] == "tiny: ready"
    install(wanted, said.append)
    assert "already there" in said[-1]


def test_a_failed_installation_leaves_nothing(tmp_path: Path, kept: Path) -> None:
    broken = tmp_path / "broken-1.0-py3-none-any.whl"
    broken.write_bytes(b"no wheel")
    wanted = Environment("broken", "broken", (f"broken @ {broken.as_uri()}",), is_whole=True)
    with pytest.raises(EngineError):
        install(wanted, lambda line: None)
    assert not wanted.is_installed
    assert not wanted.folder.exists()


def test_a_place_that_is_a_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(HOME, str(tmp_path / "file"))
    with pytest.raises(OutputError, match=HOME):
        install(Environment("x", "x", ("x==1",)), lambda line: None)


def test_a_framework_of_this_environment_serves_where_no_other_is(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        environments, "ENVIRONMENTS", (Environment("here", "numpy", ("numpy==1",)),)
    )
    assert python_of("here", "model.x").exists()


def test_an_unknown_environment_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingError, match="torch"):
        environment("nonsense")


def test_every_version_is_pinned() -> None:
    for one in ENVIRONMENTS:
        assert all("==" in requirement for requirement in one.requirements), one.name


def test_other_versions_live_elsewhere(kept: Path) -> None:
    assert Environment("a", "a", ("a==1",)).folder != Environment("a", "a", ("a==2",)).folder

import zipfile
from pathlib import Path

import pytest

from tradewind.errors import ModelError
from tradewind.importers import archives, load_model
from tradewind.importers.archives import check_archive


def archive(path: Path, *members: str, content: bytes = b"x") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for member in members:
            file.writestr(member, content)
    return path


def test_a_plain_archive_passes(tmp_path: Path) -> None:
    check_archive(archive(tmp_path / "a.pt2", "m/data/weights/w", "m/..version"))


@pytest.mark.parametrize("member", ["../outside", "m/../../outside", "/etc/passwd", "m\\..\\x"])
def test_a_name_outside_of_the_archive_is_refused(tmp_path: Path, member: str) -> None:
    with pytest.raises(ModelError, match="files inside the archive"):
        check_archive(archive(tmp_path / "a.pt2", member))


def test_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_BYTES", 10**6)
    path = archive(tmp_path / "a.pt2", "m/archive_format", "m/w", content=bytes(10**6))
    assert path.stat().st_size < 10**5
    with pytest.raises(ModelError, match="2000000 bytes unpacked"):
        load_model(path)


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.pt2", "m/archive_format")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ModelError, match="a whole archive"):
        check_archive(path)


@pytest.mark.parametrize(
    ("member", "got"),
    [
        ("m/data/aotinductor/model/code.so", "machine code"),
        ("m/data/constants/opaque_obj_0", "running foreign code"),
        ("m/data/constants/custom_obj_0", "running foreign code"),
    ],
)
def test_programs_with_more_than_a_graph_are_refused(tmp_path: Path, member: str, got: str) -> None:
    path = archive(tmp_path / "a.pt2", "m/archive_format", "m/models/model.json", member)
    with pytest.raises(ModelError, match=got):
        load_model(path)

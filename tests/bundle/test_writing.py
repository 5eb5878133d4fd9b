import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cases import DENSE
from tests.cases.manifests import GRAPH, MANIFEST

from tradewind.bundle import check_target, open_bundle, write_bundle
from tradewind.errors import OutputError
from tradewind.model import Model, Origin

MODELS = {GRAPH: DENSE.model}
NEWER = replace(MANIFEST, reason="found later")


def _heavy(megabytes: int) -> dict[str, Model]:
    """Return models of which one does not fit."""
    return {**MODELS, "models/heavy.onnx": Model(bytes(megabytes * 10**6), Origin("onnx", "h"))}


def test_an_older_bundle_is_replaced_as_a_whole(folder: Path) -> None:
    write_bundle(folder, MANIFEST, {**MODELS, "models/more.onnx": DENSE.model}, "")
    write_bundle(folder, NEWER, MODELS, "")
    assert open_bundle(folder).manifest == NEWER
    assert not (folder / "models" / "more.onnx").exists()
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_bundle_may_be_read_by_others(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o755


def test_a_relative_place_is_meant_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_bundle(Path("here.tw"), MANIFEST, MODELS, "")
    assert open_bundle(tmp_path / "here.tw").manifest == MANIFEST


def test_a_full_disk_leaves_the_older_bundle_and_nothing_else(small_disk: Path) -> None:
    target = small_disk / "dense.tw"
    write_bundle(target, MANIFEST, MODELS, "")
    with pytest.raises(OutputError, match="No space left") as caught:
        write_bundle(target, NEWER, _heavy(2), "")
    assert "nothing was changed" in caught.value.hint
    assert [path.name for path in small_disk.iterdir()] == [target.name]
    assert open_bundle(target).manifest == MANIFEST


def test_a_full_disk_leaves_nothing_where_nothing_was(small_disk: Path) -> None:
    with pytest.raises(OutputError, match="No space left"):
        write_bundle(small_disk / "dense.tw", MANIFEST, _heavy(2), "")
    assert list(small_disk.iterdir()) == []


_LIMITED = """
import resource, signal, sys
from pathlib import Path
from tests.bundle.test_writing import NEWER, _heavy
from tradewind.bundle import write_bundle
from tradewind.errors import OutputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
try:
    write_bundle(Path(sys.argv[1]), NEWER, _heavy(1), "")
except OutputError:
    sys.exit(7)
"""


def _child(code: str, target: Path) -> subprocess.Popen[bytes]:
    root = Path(__file__).resolve().parents[2]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])}
    return subprocess.Popen(
        [sys.executable, "-c", code, str(target)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def test_a_file_over_the_limit_of_the_process_leaves_the_older_bundle(folder: Path) -> None:
    with _child(_LIMITED, folder) as child:
        assert child.wait(60) == 7
    assert open_bundle(folder).manifest == MANIFEST
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


_INTERRUPTED = """
import sys
from pathlib import Path
from tests.bundle.test_writing import MODELS, NEWER
from tradewind.bundle import write_bundle
target = Path(sys.argv[1])
print("ready", flush=True)
while True:
    write_bundle(target, NEWER, MODELS, "")
"""


def test_an_interrupt_at_any_moment_leaves_a_whole_bundle(folder: Path) -> None:
    for delay_ms in (2, 9):
        with _child(_INTERRUPTED, folder) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(delay_ms / 1000)
            child.send_signal(signal.SIGINT)
            try:
                child.wait(60)
            finally:
                child.kill()  # or leaving the block would wait for ever
        # the clean-up may be interrupted as well: a hidden folder beside it is allowed
        assert open_bundle(folder).manifest.reason in (MANIFEST.reason, NEWER.reason)


def test_a_read_only_place_is_refused_before_and_while_writing(small_disk: Path) -> None:
    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    if subprocess.run(remount, capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be made read-only here")
    target = small_disk / "dense.tw"
    with pytest.raises(OutputError, match="read-only"):
        check_target(target, overwrite=False)
    with pytest.raises(OutputError, match="read-only"):
        write_bundle(target, MANIFEST, MODELS, "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="read-only"):
            check_target(tmp_path / "dense.tw", overwrite=False)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("kind", ["empty folder", "folder", "file"])
@pytest.mark.parametrize("overwrite", [True, False])
def test_something_else_of_that_name_is_refused_and_kept(
    tmp_path: Path, kind: str, overwrite: bool
) -> None:
    target = tmp_path / "thing"
    if kind == "file":
        target.write_bytes(b"precious")
    else:
        target.mkdir()
        if kind == "folder":
            (target / "precious").write_bytes(b"precious")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match="something else of that name"):
        check_target(target, overwrite=overwrite)
    with pytest.raises(OutputError, match="something else of that name"):
        write_bundle(target, MANIFEST, MODELS, "")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bundle_is_replaced_only_on_request(folder: Path) -> None:
    check_target(folder, overwrite=True)
    with pytest.raises(OutputError, match="--overwrite"):
        check_target(folder, overwrite=False)


def test_a_missing_folder_around_it_is_named(tmp_path: Path) -> None:
    target = tmp_path / "no" / "dense.tw"
    with pytest.raises(OutputError, match="no folder"):
        check_target(target, overwrite=False)
    with pytest.raises(OutputError, match="no folder"):
        write_bundle(target, MANIFEST, MODELS, "")

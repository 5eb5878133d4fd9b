"""Files that are no model for us, told apart so that the error can say what to do."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import final

HEAD_BYTES = 4096
"""How much of a file is looked at."""


@final
@dataclass(frozen=True)
class Kind:
    """What a file is, with what its owner can do about it."""

    name: str
    hint: str


_PICKLE = Kind(
    "a pickle, which only running foreign code could load",
    "of a scikit-learn model keep `skops.io.dump(model, 'model.skops')`; of a PyTorch model "
    "`torch.export.save(program, 'model.pt2')`; where you trust its maker add `--trust-pickle`.",
)
_TORCH = Kind(
    "a PyTorch checkpoint",
    "name the function that builds the module: `package.module:function --weights FILE`.",
)
_SAFETENSORS = Kind(
    "a safetensors file, which holds weights without a graph",
    "of a Hugging Face model give its folder; of a PyTorch module name the function that builds "
    "it: `package.module:function --weights FILE`.",
)
_TEXT = Kind("a text file", "give the `.onnx` file itself.")
_HTML = Kind("an HTML page", "the download failed; open the address in a browser.")
_LFS = Kind("a Git LFS pointer", "run `git lfs pull` where the file comes from.")
_XML = Kind("an XML file that is no OpenVINO IR", "give the file that the training saved.")

_MAGIC: tuple[tuple[int, bytes, Kind], ...] = (
    (0, b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19", _TORCH),  # before version 1.6
    (4, b"ORTM", Kind("an ORT-format file", "give the ONNX file that it was made from.")),
    (0, b"GGUF", Kind("a GGUF file", "language models are served by llama.cpp or vLLM.")),
    (0, b"\x93NUMPY", Kind("a numpy array", "data belongs after `--data`, as `.npz`.")),
    (0, b"PAR1", Kind("a parquet file", "data belongs after `--data`.")),
    (0, b"\x1f\x8b", Kind("a gzip file", "unpack it first.")),
    (0, b"BZh", Kind("a bzip2 file", "unpack it first.")),
    (0, b"\xfd7zXZ", Kind("an xz file", "unpack it first.")),
)

_MEMBERS: tuple[tuple[str, Kind], ...] = (
    ("data.pkl", _TORCH),
    (".npy", Kind("an `.npz` archive of arrays", "data belongs after `--data`.")),
    (".onnx", Kind("a zip archive", "unpack the `.onnx` file inside first.")),
)


def lookalike(path: Path) -> Kind | None:
    """Return what a file or folder is, if it is something else that people try."""
    if path.is_dir():
        return _folder(path)
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    for offset, magic, kind in _MAGIC:
        if head[offset:].startswith(magic):
            return kind
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _archive(path)
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        return _PICKLE
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        return _SAFETENSORS
    return _text(head)


def archive_members(path: Path) -> list[str]:
    """Return the names in a zip archive; none when it is no zip archive or a damaged one."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, NotImplementedError):
        return []


def _archive(path: Path) -> Kind | None:
    members = archive_members(path)
    if "schema.json" in members:  # skops
        return None
    for ending, kind in _MEMBERS:
        if any(member.endswith(ending) for member in members):
            return kind
    return Kind("a zip archive", "unpack it first.")


def _folder(path: Path) -> Kind:
    files = sorted(file.name for file in path.glob("*.onnx"))
    return Kind("a folder", f"name the file in it: {files[0]}." if files else "name one file.")


def _text(head: bytes) -> Kind | None:
    try:
        # the last character may be cut in two
        text = head.decode("utf-8", errors="strict" if len(head) < HEAD_BYTES else "ignore")
    except UnicodeDecodeError:
        return None
    if any(ord(character) < 32 and character not in "\t\r\n\f" for character in text):
        return None
    start = text.lstrip("\ufeff \t\r\n").lower()
    if start.startswith(("<!doctype html", "<html")):
        return _HTML
    if start.startswith("version https://git-lfs"):
        return _LFS
    return _XML if start.startswith("<?xml") else _TEXT

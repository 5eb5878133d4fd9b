"""Weights that an ONNX file keeps in files beside it."""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import onnx

from tradewind.errors import ModelError
from tradewind.model import MAX_BYTES


def has_outside_weights(proto: onnx.ModelProto) -> bool:
    """Say whether any tensor lies in another file."""
    return any(_is_outside(tensor) for tensor in _tensors(proto))


def take_in_weights(proto: onnx.ModelProto, folder: Path, where: str) -> None:
    """Move every tensor that lies in another file into `proto`.

    Args:
        proto: the model; it is changed.
        folder: where the model file lies; no weights are read from anywhere else.
        where: the model's name for messages.

    Raises:
        ModelError: a file is missing, too short, outside of the folder, or all are too large.
    """
    total_bytes = proto.ByteSize()
    for tensor in _tensors(proto):
        if not _is_outside(tensor):
            continue
        name = f"{where}: {tensor.name}"
        entries = {entry.key: entry.value for entry in tensor.external_data}
        path = inside(folder, entries.get("location", ""), name)
        start, size_bytes = _extent(entries, path, name)
        total_bytes += size_bytes
        if total_bytes > MAX_BYTES:
            hint = "larger models are served by runtimes for language models."
            raise ModelError(where, f"at most {MAX_BYTES} bytes of weights", "more", hint)
        with path.open("rb") as file:
            file.seek(start)
            tensor.raw_data = file.read(size_bytes)
        tensor.ClearField("data_location")
        del tensor.external_data[:]


def _tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    yield from _in_graph(proto.graph)
    for function in proto.functions:
        yield from _in_nodes(function.node)


def _in_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _in_nodes(graph.node)


def _in_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            if attribute.HasField("g"):
                yield from _in_graph(attribute.g)
            for graph in attribute.graphs:
                yield from _in_graph(graph)


def _is_outside(tensor: onnx.TensorProto) -> bool:
    return tensor.data_location == onnx.TensorProto.EXTERNAL


def inside(folder: Path, location: str, where: str) -> Path:
    """Return the file that is meant, after every link, if it lies in the folder."""
    hint = "keep the weights beside the model, as files rather than links."
    plain = PurePosixPath(location)
    if not location or "\0" in location or plain.is_absolute() or ".." in plain.parts:
        raise ModelError(where, "weights in the model's folder", f"the path {location!r}", hint)
    path = folder / location
    try:
        real = path.resolve()
        is_file = real.is_file()
    except (OSError, RuntimeError) as error:  # a circle of links, a name that no file can have
        raise ModelError(where, f"the file {location[:200]!r}", str(error)[:300], hint) from error
    if not real.is_relative_to(folder.resolve()):
        raise ModelError(where, "weights in the model's folder", f"a link to {real}", hint)
    if not is_file:
        hint = f"copy {location!r} into {folder}; it belongs to the model."
        raise ModelError(where, f"the file {location!r} with the weights", "no such file", hint)
    return real


def _extent(entries: dict[str, str], path: Path, where: str) -> tuple[int, int]:
    """Return where in the file the tensor begins, with its length in bytes."""
    held_bytes = path.stat().st_size
    try:
        start = int(entries.get("offset") or 0)
        size_bytes = int(entries.get("length") or held_bytes - start)
    except ValueError as error:
        raise ModelError(where, "a whole number as offset and length", f"{entries}") from error
    if start < 0 or size_bytes < 0 or start + size_bytes > held_bytes:
        raise ModelError(
            where,
            f"bytes {start}..{start + size_bytes} of {path.name}",
            f"a file of {held_bytes} bytes",
            "the file of weights is cut off, or belongs to another model.",
        )
    return start, size_bytes

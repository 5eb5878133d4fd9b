"""Examples that come as the content of a file: a picture, or a sentence."""

import base64
import binascii
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, final

import msgspec
import numpy as np

from tradewind.errors import DataError, RequestError
from tradewind.protocol.binary_tensors import read_elements
from tradewind.runners import Preprocessed, Runner
from tradewind.tensors import Array, Datatype

_MOST_BYTES = 64 * 2**20  # of pictures of one request, unpacked: a small body may hold many


class Contents(ABC):
    """What turns the content of a file into the only input of a model.

    Args:
        name: of the input.
    """

    types: ClassVar[tuple[str, ...]]  # as Content-Type has them

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def fits(self, content_type: str | None, body: bytes) -> bool:
        """Say whether a body is such a content, and no request."""

    @abstractmethod
    def read(self, body: bytes) -> Array:
        """Return the input of one example.

        Raises:
            RequestError: the content is something else, or damaged.
        """


@final
class Sentence(Contents):
    """A text for a model whose only input is strings; the line break at its end is left out."""

    types = ("text/plain",)

    def __init__(self, name: str, rank: int) -> None:
        super().__init__(name)
        self._shape = (1,) * rank

    def fits(self, content_type: str | None, body: bytes) -> bool:
        # browsers call everything text that a script sends as a string, requests too
        is_text = content_type is not None and content_type.startswith("text/plain")
        return is_text and body[:1] != b"{"

    def read(self, body: bytes) -> Array:
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise RequestError("body", "a text in UTF-8", str(error)) from error
        found = np.empty(1, object)
        found[0] = text.removesuffix("\n").removesuffix("\r")
        return found.reshape(self._shape)


@final
class Picture(Contents):
    """An image file for a model of images, decoded and resized as it was certified."""

    types = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp", "image/tiff")

    def __init__(self, runner: Preprocessed) -> None:
        super().__init__(runner.name)
        self._runner = runner

    def fits(self, content_type: str | None, body: bytes) -> bool:
        return content_type is not None and content_type.startswith("image/")

    def read(self, body: bytes) -> Array:
        return self._decode([("body", body)])

    def read_binary(self, where: str, raw: memoryview, shape: Sequence[int]) -> Array:
        """Return the pictures that come as elements of type BYTES.

        Args:
            where: the input.
            raw: each with its length in front.
            shape: [N] or [N, 1].

        Raises:
            RequestError: there are more or fewer, or one is no picture.
        """
        elements = read_elements(where, raw, _count(where, shape))
        return self._decode([(f"{where}[{i}]", bytes(one)) for i, one in enumerate(elements)])

    def read_json(self, where: str, text: bytes, shape: Sequence[int]) -> Array:
        """Return the pictures that come as strings of base64.

        Args:
            where: the input.
            text: a JSON list.
            shape: [N] or [N, 1].

        Raises:
            RequestError: there are more or fewer, or one is no picture.
        """
        count = _count(where, shape)
        try:
            found = msgspec.json.decode(text, type=list[str | list[str]])
            flat = [one for item in found for one in (item if isinstance(item, list) else [item])]
            contents = [base64.b64decode(one, validate=True) for one in flat]
        except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, ValueError) as error:
            raise RequestError(f"{where}.data", "image files in base64", str(error)) from error
        if len(contents) != count:
            raise RequestError(f"{where}.data", f"{count} image files", str(len(contents)))
        return self._decode([(f"{where}[{i}]", one) for i, one in enumerate(contents)])

    def _decode(self, named: list[tuple[str, bytes]]) -> Array:
        pictures: list[Array] = []
        size_bytes = 0
        for where, content in named:
            try:
                pictures.append(self._runner.decode(content, where))
            except DataError as error:
                raise RequestError(error.where, error.expected, error.got, error.hint) from error
            size_bytes += pictures[-1].nbytes
            if len(named) > 1 and size_bytes > _MOST_BYTES:
                raise RequestError(
                    where, f"pictures of {_MOST_BYTES} bytes when unpacked", "more", "send fewer."
                )
        if len({picture.shape for picture in pictures}) > 1:
            raise RequestError(
                self.name, "pictures of one size", "several", "send each in a request of its own."
            )
        return np.stack(pictures)


def contents_of(runner: Runner) -> Contents | None:
    """Return what reads files for a model; None where it takes none."""
    inputs = runner.signature.inputs
    if isinstance(runner, Preprocessed) and runner.takes_images:
        return Picture(runner)
    if len(inputs) != 1 or inputs[0].datatype is not Datatype.BYTES:
        return None
    takes_one = all(abs(size) == 1 for size in inputs[0].open_shape)  # -1 is any size, also 1
    return Sentence(inputs[0].name, len(inputs[0].shape)) if takes_one else None


def _count(where: str, shape: Sequence[int]) -> int:
    if len(shape) not in (1, 2) or shape[0] < 1 or (len(shape) == 2 and shape[1] != 1):
        got = str(list(shape[:8]))
        raise RequestError(f"{where}.shape", "[N] or [N, 1] image files, at least one", got)
    return shape[0]

"""What is done to sentences before a model sees them.

The package `tokenizers` is imported where a sentence is read: whoever sends token ids needs none.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np

from tradewind.errors import DataError, SettingError
from tradewind.tensors import Array, Datatype, Signature, Tensors, TensorSpec

TEXT = "text"
"""The name of the raw input: a sentence for each example."""

PAIR = "text_pair"
"""The name of the second one, where the model judges two sentences together."""


@final
@dataclass(frozen=True)
class Tokenization:
    """The steps from sentences to the numbers that the model was trained on.

    A batch is padded to its longest sentence, or to the length that the model insists on.

    Args:
        tokenizer: the content of a `tokenizer.json` of Hugging Face.
        inputs: what the model takes of `input_ids`, `attention_mask` and `token_type_ids`.
        max_length: the number of tokens after which a sentence is cut.
        pad_id: the token that fills up shorter sentences.
        pad_type_id: its token type.
        pad_left: whether it is put in front.
        pairs: whether two sentences are one example.

    Raises:
        SettingError: a value is outside its range.
    """

    tokenizer: str
    inputs: tuple[str, ...]
    max_length: int
    pad_id: int = 0
    pad_type_id: int = 0
    pad_left: bool = False
    pairs: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """The names of the raw inputs."""
        return (TEXT, PAIR) if self.pairs else (TEXT,)

    def __post_init__(self) -> None:
        unknown = [name for name in self.inputs if name not in _PARTS]
        if unknown or not self.inputs:
            got = ", ".join(unknown) or "nothing"
            raise SettingError("tokenization.inputs", f"some of {', '.join(_PARTS)}", got)
        if self.max_length < 1:
            raise SettingError("tokenization.max_length", "1 or more", str(self.max_length))

    def raw_signature(self, signature: Signature) -> Signature:
        """Return what goes in when sentences do.

        Raises:
            DataError: the model takes other inputs.
        """
        for name in self.inputs:
            spec = signature.input(name)
            if len(spec.shape) != 2:
                raise DataError(name, "an input of tokens [N, tokens]", str(spec))
        batch = signature.input(self.inputs[0]).shape[0]
        texts = [TensorSpec(name, Datatype.BYTES, (batch,)) for name in self.texts]
        kept = [spec for spec in signature.inputs if spec.name not in self.inputs]
        return Signature((*texts, *kept), signature.outputs)

    def apply(
        self, texts: Array, signature: Signature, second: Array | None = None
    ) -> dict[str, Array]:
        """Return what the model takes.

        Args:
            texts: `str` or `bytes` of UTF-8, [N].
            signature: of the model.
            second: the other sentence of each pair, [N], where they are pairs.

        Raises:
            DataError: a text is no UTF-8, or `tokenizers` is not installed.
        """
        specs = [signature.input(name) for name in self.inputs]
        fixed = next((spec.shape[1] for spec in specs if isinstance(spec.shape[1], int)), None)
        longest = self.max_length if fixed is None else min(fixed, self.max_length)
        rows = zip(texts, texts if second is None else second, strict=True)
        parts = [
            self._encode(
                _decoded(first, i), None if second is None else _decoded(other, i, PAIR), longest
            )
            for i, (first, other) in enumerate(rows)
        ]
        width = fixed or max((len(ids) for ids, *_ in parts), default=1)
        found = {}
        for spec in specs:
            fill = {"input_ids": self.pad_id, "token_type_ids": self.pad_type_id}.get(spec.name, 0)
            array = np.full((len(parts), width), fill, spec.datatype.numpy)
            for row, part in zip(array, parts, strict=True):
                values = part[_PARTS.index(spec.name)]
                row[width - len(values) if self.pad_left else 0 :][: len(values)] = values
            found[spec.name] = array
        return found

    def tokens_of(self, inputs: Tensors, signature: Signature) -> dict[str, Array]:
        """Return what the model takes, with what is no sentence left as it is.

        Args:
            inputs: as `raw_signature` describes them.
            signature: of the model.

        Raises:
            DataError: as `apply`.
        """
        given = {name: array for name, array in inputs.items() if name not in self.texts}
        second = inputs[PAIR] if self.pairs else None
        return {**given, **self.apply(inputs[TEXT], signature, second)}

    def _encode(
        self, text: str, second: str | None, longest: int
    ) -> tuple[list[int], list[int], list[int]]:
        # one by one: the batch call starts threads that a fork would make complain
        found = self._encoder(longest).encode(text, second)
        return found.ids, found.attention_mask, found.type_ids

    def _encoder(self, longest: int) -> Any:
        if longest not in self._encoders:
            encoder = self._made()
            encoder.no_padding()
            encoder.enable_truncation(longest, direction="right")
            self._encoders[longest] = encoder
        return self._encoders[longest]

    @cached_property
    def _encoders(self) -> dict[int, Any]:
        return {}

    def _made(self) -> Any:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            hint = 'pip install "tradewind[text]"'
            raise DataError(TEXT, "tokenizers to read it with", "none installed", hint) from error
        try:
            return Tokenizer.from_str(self.tokenizer)
        except Exception as error:  # the library raises Exception itself
            got = str(error)[:200]
            raise DataError("tokenizer.json", "settings of a tokenizer", got) from error


_PARTS = ("input_ids", "attention_mask", "token_type_ids")


def _decoded(text: object, row: int, name: str = TEXT) -> str:
    if isinstance(text, bytes):
        try:
            return text.decode()
        except UnicodeDecodeError as error:
            raise DataError(f"{name}: example {row}", "UTF-8", "other bytes") from error
    return str(text)

"""How a bundle says what its model does to sentences."""

from dataclasses import dataclass

from tradewind.data import Tokenization

TOKENIZER = "tokenizer.json"
"""Where a bundle keeps what its model does to sentences."""


@dataclass(frozen=True)
class TokenizerRecord:
    """How sentences become tokens, with the tokenizer in a file of its own."""

    file: str  # inside the bundle
    inputs: tuple[str, ...]
    max_length: int
    pad_id: int
    pad_type_id: int
    pad_left: bool
    pairs: bool = False  # whether two sentences are one example

    @classmethod
    def of(cls, steps: Tokenization) -> "TokenizerRecord":
        """Return the record of a tokenization."""
        return cls(
            TOKENIZER,
            steps.inputs,
            steps.max_length,
            steps.pad_id,
            steps.pad_type_id,
            steps.pad_left,
            steps.pairs,
        )

    def to_tokenization(self, tokenizer: str) -> Tokenization:
        """Return the tokenization with the content of its file."""
        return Tokenization(
            tokenizer,
            self.inputs,
            self.max_length,
            self.pad_id,
            self.pad_type_id,
            self.pad_left,
            self.pairs,
        )

"""Sentences that become tokens when they are taken."""

from typing import final

from tradewind.data.carried import Steps
from tradewind.data.dataset import Dataset
from tradewind.data.texts import Tokenization
from tradewind.tensors import Array, Signature


@final
class TokenizedDataset(Dataset):
    """Examples with sentences, handed out as the tokens that a model takes.

    Args:
        stored: the sentences, under their names, with whatever else the model takes.
        tokenization: what makes tokens of them.
        signature: of the model.
    """

    def __init__(self, stored: Dataset, tokenization: Tokenization, signature: Signature) -> None:
        self._stored = stored
        self._tokenization = tokenization
        self._signature = signature

    @property
    def source(self) -> str:
        return self._stored.source

    def __len__(self) -> int:
        return len(self._stored)

    def take(self, indices: Array) -> dict[str, Array]:
        return self._tokenization.tokens_of(self._stored.take(indices), self._signature)

    def readable(self, indices: Array) -> dict[str, Array]:
        return self._stored.take(indices)

    @property
    def labels(self) -> Array | None:
        return self._stored.labels

    @property
    def groups(self) -> Array | None:
        return self._stored.groups

    @property
    def classes(self) -> tuple[str, ...] | None:
        return self._stored.classes

    @property
    def preprocessing(self) -> Steps | None:
        return self._tokenization

    @property
    def fingerprints(self) -> Array:
        return self._stored.fingerprints

    @property
    def digest(self) -> str:
        return self._stored.digest

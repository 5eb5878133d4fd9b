"""A model of tokens together with the tokenizer that it was certified with."""

from typing import final

import numpy as np

from tradewind.data import Tokenization
from tradewind.errors import DataError, RequestError
from tradewind.runners.runner import Runner
from tradewind.tensors import Array, Signature, Tensors


@final
class Tokenized(Runner):
    """Takes sentences, or pairs, and hands tokens to a model; other bytes raise a RequestError.

    Args:
        inner: answers for tokens; it is closed with this runner.
        tokenization: what turns sentences into tokens.

    Raises:
        DataError: the model takes other inputs, or what reads the tokenizer is not installed.
    """

    def __init__(self, inner: Runner, tokenization: Tokenization) -> None:
        self._inner = inner
        self._tokenization = tokenization
        self._signature = tokenization.raw_signature(inner.signature)
        # what is wrong with the tokenizer shows now, and not at the first request
        empty = np.array([""], object)
        tokenization.apply(empty, inner.signature, empty if tokenization.pairs else None)

    @property
    def signature(self) -> Signature:
        return self._signature

    @property
    def parts(self) -> tuple[Runner, ...]:
        return (self._inner,)

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        try:
            tokens = self._tokenization.tokens_of(inputs, self._inner.signature)
        except DataError as error:
            raise RequestError(error.where, error.expected, error.got, error.hint) from error
        return self._inner(tokens)

    def close(self) -> None:
        self._inner.close()

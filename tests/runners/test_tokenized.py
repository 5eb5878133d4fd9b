import numpy as np
import pytest
from tests.cases.sentences import opinion, sentences, tokenization

from tradewind.data import PAIR, TEXT
from tradewind.engines import OnnxRuntime
from tradewind.errors import DataError, RequestError
from tradewind.runners import Runner, Tokenized
from tradewind.tensors import Datatype, TensorSpec

pytest.importorskip("tokenizers", reason="no tokenizers: they come with the extra `text`")


def compiled() -> Runner:
    return OnnxRuntime(threads=1).compile(opinion())


def test_sentences_are_answered() -> None:
    with Tokenized(compiled(), tokenization()) as runner:
        assert runner.signature.inputs == (TensorSpec(TEXT, Datatype.BYTES, ("N",)),)
        found = runner({TEXT: sentences(b"a good good film", "Bad", "")})
    assert found["scores"].tolist() == [[0, 2], [1, 0], [0, 0]]


def test_the_answer_to_a_sentence_does_not_depend_on_those_beside_it() -> None:
    texts = sentences("good", "bad bad bad", "film good bad")
    with Tokenized(compiled(), tokenization()) as runner:
        together = runner({TEXT: texts})["scores"]
        alone = [runner({TEXT: texts[i : i + 1]})["scores"][0] for i in range(len(texts))]
    assert np.array_equal(together, alone)


def test_pairs_are_two_inputs_and_one_example() -> None:
    with Tokenized(compiled(), tokenization(pairs=True)) as runner:
        names = [spec.name for spec in runner.signature.inputs]
        found = runner({TEXT: sentences("good", "bad"), PAIR: sentences("bad film", b"bad")})
    assert names == [TEXT, PAIR]
    assert found["scores"].tolist() == [[1, 1], [2, 0]]


def test_bytes_in_the_second_sentence_are_named() -> None:
    with (
        Tokenized(compiled(), tokenization(pairs=True)) as runner,
        pytest.raises(RequestError, match="text_pair: example 0"),
    ):
        runner({TEXT: sentences("good"), PAIR: sentences(b"\xff")})


def test_a_model_of_other_inputs_is_refused() -> None:
    with pytest.raises(DataError, match="token_type_ids"):
        Tokenized(compiled(), tokenization(inputs=("input_ids", "token_type_ids")))


def test_bytes_that_are_no_text_are_refused_as_a_request() -> None:
    with (
        Tokenized(compiled(), tokenization()) as runner,
        pytest.raises(RequestError, match="example 1"),
    ):
        runner({TEXT: sentences(b"good", b"\xff\xfe")})


def test_a_damaged_tokenizer_shows_before_the_first_request() -> None:
    with pytest.raises(DataError, match=r"tokenizer\.json"):
        Tokenized(compiled(), tokenization(tokenizer="{}"))

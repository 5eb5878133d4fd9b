"""A small encoder that learns which messages are spam."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
from benchmarks.optimizers.made import Made
from benchmarks.serving.text_model import VOCABULARY, WIDTH, text_model

from tradewind.interpreter import TorchGraph
from tradewind.interpreter.pytorch import functional, torch
from tradewind.model import Model, Origin
from tradewind.tensors import Array

WORDS = 32
EPOCHS = 3
BATCH = 64
RATE = 5e-4
TESTED = 3_000
WORDS_LOUDER = 10.0
PLACES_FAINTER = 0.1
BRANCHES_FAINTER = 0.3
"""How the first weights are scaled, so that training begins at what a bag of words does."""

_WORDS = re.compile(r"(?<=\w)(?=\W)|(?<=\W)(?=\w)|(?<=\d)(?=\d)")  # digits stand alone
_REST = 1  # the token of every word that is not among the most frequent; 0 fills up


def spam(folder: Path) -> Made:
    """Train the encoder on some messages, and return it with those it has not seen."""
    messages = _read(folder / "sms_spam" / "SMSSpamCollection.tsv")
    train, test = messages[:-TESTED], messages[-TESTED:]
    counted = Counter(word for text, _ in train for word in text.split())
    words = {word: place for place, (word, _) in enumerate(counted.most_common(VOCABULARY - 2), 2)}
    start = Model(text_model(WORDS).SerializeToString(), Origin("onnx", "text.onnx"))
    tokens, labels = _tokens(train, words), np.array([label for _, label in train])
    model = _trained(start, tokens, labels)
    truth = np.array([label for _, label in test], np.int64)
    return Made(model, {"tokens": _tokens(test, words), "label": truth}, {"tokens": tokens})


def _trained(start: Model, tokens: Array, labels: Array) -> Model:
    torch.manual_seed(0)
    graph = TorchGraph(start)
    weights = list(graph.parameters.values())
    with torch.no_grad():
        for weight in weights:
            weight.mul_(_SCALES.get(tuple(weight.shape), 1.0))
    steps = EPOCHS * (len(tokens) // BATCH)
    optimizer = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.05)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    random = np.random.default_rng(0)
    for _ in range(EPOCHS):
        order = random.permutation(len(tokens))
        for place in range(0, len(order) - BATCH + 1, BATCH):
            chosen = order[place : place + BATCH]
            given = tokens[chosen]
            given = np.where(random.random(given.shape) < 0.1, _REST * (given > 0), given)
            answers = graph({"tokens": torch.from_numpy(given)})["logits"]
            loss = functional.cross_entropy(answers, torch.from_numpy(labels[chosen]))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            pace.step()
    return graph.to_model()


_SCALES = {
    (VOCABULARY, WIDTH): WORDS_LOUDER,
    (WORDS, WIDTH): PLACES_FAINTER,
    (WIDTH, WIDTH): BRANCHES_FAINTER,
    (4 * WIDTH, WIDTH): BRANCHES_FAINTER,
}
"""By the shape of a weight."""


def _read(path: Path) -> list[tuple[str, int]]:
    """Return every different message, in random order, with 1 for spam."""
    lines = dict.fromkeys(path.read_text(encoding="utf-8").lower().splitlines())
    rows = [line.split("\t", 1) for line in lines if "\t" in line]
    order = np.random.default_rng(0).permutation(len(rows))
    return [(_WORDS.sub(" ", rows[place][1]), int(rows[place][0] == "spam")) for place in order]


def _tokens(messages: list[tuple[str, int]], words: dict[str, int]) -> Array:
    """Return int64[n, 32], filled up with 0."""
    found = np.zeros((len(messages), WORDS), np.int64)
    for row, (text, _) in zip(found, messages, strict=True):
        known = [words.get(word, _REST) for word in text.split()][:WORDS]
        row[: len(known)] = known
    return found

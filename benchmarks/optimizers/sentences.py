"""A small encoder that learns whether a sentence about a film is kind."""

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
RATE = 1e-3
WORDS_LOUDER = 10.0
PLACES_FAINTER = 0.1
BRANCHES_FAINTER = 0.3
"""How the first weights are scaled, so that training begins at what a bag of words does."""

_REST = 1  # the token of every word that is not among the most frequent; 0 fills up


def sentiment(folder: Path) -> Made:
    """Train the encoder on 6,920 sentences, and return it with those it has not seen."""
    train, test = _read(folder / "sst2", "train"), _read(folder / "sst2", "dev", "test")
    counted = Counter(word for text, _ in train for word in text.split())
    words = {word: place for place, (word, _) in enumerate(counted.most_common(VOCABULARY - 2), 2)}
    start = Model(text_model(WORDS).SerializeToString(), Origin("onnx", "text.onnx"))
    tokens, labels = _tokens(train, words), np.array([label for _, label in train])
    model = _trained(start, tokens, labels)
    truth = np.array([label for _, label in test], np.int64)
    return Made(model, {"tokens": _tokens(test, words), "label": truth})


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


def _read(folder: Path, *names: str) -> list[tuple[str, int]]:
    """Return the sentences with 1 for those that are kind."""
    lines = [
        line.rsplit("\t", 1)
        for name in names
        for line in (folder / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]
    return [(text, int(label)) for text, label in lines]


def _tokens(sentences: list[tuple[str, int]], words: dict[str, int]) -> Array:
    """Return int64[n, 32], filled up with 0."""
    found = np.zeros((len(sentences), WORDS), np.int64)
    for row, (text, _) in zip(found, sentences, strict=True):
        known = [words.get(word, _REST) for word in text.split()][:WORDS]
        row[: len(known)] = known
    return found

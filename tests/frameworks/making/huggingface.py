"""Tiny Hugging Face models with weights drawn at random, written as folders.

    python huggingface.py TARGET SENTENCES NAME…

What the library itself makes of a few sentences or of a picture is kept beside them, in
`expected.json`.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

WORDS = 400
SENTENCES = ("", "a gob of drivel", "naïve café ☕ is n't 東京", "good " * 80, "Moving and FUNNY !")

_TEXT = {
    "vocab_size": WORDS,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 66,
    "initializer_range": 0.5,
    "pad_token_id": 0,
}
_IMAGE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "initializer_range": 0.3,
    "num_labels": 3,
}
_SOUND = {
    **_IMAGE,
    "conv_dim": [16, 16, 16],
    "conv_stride": [8, 4, 4],
    "conv_kernel": [12, 8, 4],
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "classifier_proj_size": 16,
}
_NAMES = {"id2label": {0: "negative", 1: "positive"}, "label2id": {"negative": 0, "positive": 1}}


def _distilbert() -> Any:
    return transformers.DistilBertConfig(
        vocab_size=WORDS, dim=32, n_layers=2, n_heads=2, hidden_dim=64,
        max_position_embeddings=66, initializer_range=0.5, **_NAMES,
    )  # fmt: skip


MODELS: dict[str, tuple[str, Callable[[], Any], str]] = {
    "bert": (
        "BertForSequenceClassification",
        lambda: transformers.BertConfig(**_TEXT, **_NAMES),
        "wordpiece",
    ),
    "bert-features": ("BertModel", lambda: transformers.BertConfig(**_TEXT), "wordpiece"),
    "bert-tokens": (
        "BertForTokenClassification",
        lambda: transformers.BertConfig(**_TEXT, num_labels=5),
        "wordpiece",
    ),
    "distilbert": ("DistilBertForSequenceClassification", _distilbert, "wordpiece"),
    "roberta": (
        "RobertaForSequenceClassification",
        lambda: transformers.RobertaConfig(**{**_TEXT, "pad_token_id": 1}, type_vocab_size=1),
        "bytes",
    ),
    "electra": (
        "ElectraForSequenceClassification",
        lambda: transformers.ElectraConfig(**_TEXT, embedding_size=16),
        "wordpiece",
    ),
    "deberta": (
        "DebertaV2ForSequenceClassification",
        lambda: transformers.DebertaV2Config(
            **_TEXT, relative_attention=True, pos_att_type=["p2c", "c2p"], position_buckets=16
        ),
        "wordpiece",
    ),
    "modernbert": (
        "ModernBertForSequenceClassification",
        lambda: transformers.ModernBertConfig(
            **_TEXT, eos_token_id=1, bos_token_id=1, cls_token_id=1, sep_token_id=1
        ),
        "wordpiece",
    ),
    "vit": (
        "ViTForImageClassification",
        lambda: transformers.ViTConfig(**_IMAGE, image_size=32, patch_size=8),
        "whole",
    ),
    "resnet": (
        "ResNetForImageClassification",
        lambda: transformers.ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=3
        ),
        "cropped",
    ),
    "convnext": (
        "ConvNextForImageClassification",
        lambda: transformers.ConvNextConfig(
            hidden_sizes=[8, 16, 16, 16], depths=[1, 1, 1, 1], image_size=32, num_labels=3
        ),
        "cropped",
    ),
    "mobilenet": (
        "MobileNetV2ForImageClassification",
        lambda: transformers.MobileNetV2Config(depth_multiplier=0.35, image_size=32, num_labels=3),
        "whole",
    ),
    "wav2vec2": (
        "Wav2Vec2ForSequenceClassification",
        lambda: transformers.Wav2Vec2Config(**_SOUND),
        "waves",
    ),
    "ast": (
        "ASTForAudioClassification",
        lambda: transformers.ASTConfig(**_IMAGE, max_length=64, num_mel_bins=32),
        "spectrogram",
    ),
}


def make(name: str, folder: Path, sentences: list[str]) -> None:
    architecture, config, before = MODELS[name]
    torch.manual_seed(11)
    model = getattr(transformers, architecture)(config())
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(part.running_var, 0.5, 2)
        if isinstance(part, torch.nn.Conv2d) and name == "mobilenet":
            # as drawn by the library, fifty layers shrink what comes in to 1e-31
            torch.nn.init.kaiming_normal_(part.weight)
    model.eval().save_pretrained(folder)
    expected: dict[str, Any] = {}
    if before in ("wordpiece", "bytes"):
        tokenizer = _tokenizer(before, sentences)
        tokenizer.save_pretrained(folder)
        ask = partial(
            transformers.AutoTokenizer.from_pretrained(folder),
            padding=True,
            truncation=True,
            max_length=64,
            return_token_type_ids=True,
        )
        others = SENTENCES[::-1]
        expected = {
            "sentences": SENTENCES,
            "tokens": dict(ask(list(SENTENCES))),
            "others": others,
            "pairs": dict(ask(list(SENTENCES), list(others))),
        }
    elif before in ("whole", "cropped"):
        processor = _processor(before)
        processor.save_pretrained(folder)
        pixels = np.random.default_rng(3).integers(0, 256, (40, 56, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "picture.png")
        ready = processor(Image.fromarray(pixels), return_tensors="np")["pixel_values"]
        np.save(folder / "picture.npy", ready)
    else:
        kind = {
            "waves": transformers.Wav2Vec2FeatureExtractor,
            "spectrogram": transformers.ASTFeatureExtractor,
        }[before]
        kind().save_pretrained(folder)
    (folder / "expected.json").write_text(json.dumps(expected), encoding="utf-8")


def _tokenizer(kind: str, sentences: list[str]) -> Any:
    if kind == "wordpiece":
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        found = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        found.normalizer = normalizers.BertNormalizer(lowercase=True)
        found.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        found.train_from_iterator(
            sentences, trainers.WordPieceTrainer(vocab_size=WORDS, special_tokens=special)
        )
        found.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
        return transformers.PreTrainedTokenizerFast(
            tokenizer_object=found, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]",
            sep_token="[SEP]", mask_token="[MASK]", model_max_length=64,
        )  # fmt: skip
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    found = Tokenizer(models.BPE())
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.train_from_iterator(
        sentences,
        trainers.BpeTrainer(
            vocab_size=WORDS,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    found.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=found, unk_token="<unk>", pad_token="<pad>", cls_token="<s>",
        sep_token="</s>", mask_token="<mask>", bos_token="<s>", eos_token="</s>",
        model_max_length=64,
    )  # fmt: skip


def _processor(kind: str) -> Any:
    if kind == "cropped":
        return transformers.ConvNextImageProcessorPil(size={"shortest_edge": 32})
    return transformers.ViTImageProcessorPil(
        size={"height": 32, "width": 32}, image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.3, 0.4]
    )


if __name__ == "__main__":
    given = Path(sys.argv[2])
    lines = given.read_text(encoding="utf-8").splitlines() if given.is_file() else []
    # without real sentences, the words of Python's own documentation
    texts = [line.rpartition("\t")[0] for line in lines] or [*topics.values()]
    for one in sys.argv[3:] or MODELS:
        make(one, Path(sys.argv[1]) / one, texts)

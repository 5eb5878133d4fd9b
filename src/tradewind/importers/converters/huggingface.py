"""Encoders and classifiers of `transformers`, from a local folder.

The request holds `path`, `trusts_pickle` and `is_fixed`. No hub is asked, and no code that lies in
the folder is run.
"""

import inspect
import json
import os
from pathlib import Path
from typing import Any

import torch
import transformers

from .torch_export import BATCH, Free, Source, export, refusal

_FROM_FOLDER = {"local_files_only": True, "trust_remote_code": False}
_GENERATES = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "ForSpeechSeq2Seq")
_LENGTHS = {"sequence": (1, 24, 48), "samples": (8000, 16000)}


def convert(request: dict[str, Any], target: Path) -> tuple[dict[str, Any], Any]:
    """Export the model in a folder; `child.py` says what comes back.

    The notes hold `fixed`, `classes`, `ranges`, `sizes` (numbers that make sense for sizes that
    vary), `tokenizer` (its settings, or None) and `told` (what a user should know).
    """
    if not request["trusts_pickle"]:
        os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    torch.set_num_threads(1)
    torch.manual_seed(0)
    transformers.logging.set_verbosity_error()
    model = _model(request["path"], request["trusts_pickle"])
    example, free, ranges = _EXAMPLES.get(model.main_input_name, _unknown)(model, request["path"])
    module = _Answers(model, list(example)).eval()
    source = Source(module, example, module, free)
    notes, answer = export(source, target, is_fixed=request["is_fixed"])
    tokenizer: Any = None
    told: list[str] = []
    if "input_ids" in example:
        tokenizer, told = _tokenizer(request["path"], model, list(example))
    notes |= {"ranges": ranges, "sizes": _sizes(model.config, free), "classes": _classes(model)}
    return {**notes, "tokenizer": tokenizer, "told": told}, answer


class _Answers(torch.nn.Module):  # type: ignore[misc]
    """A model that returns its tensors by name: no losses, no lists of hidden states."""

    def __init__(self, inner: Any, names: list[str]) -> None:
        super().__init__()
        self.inner = inner
        self._names = names

    def forward(self, *values: Any) -> dict[str, Any]:
        found = self.inner(**dict(zip(self._names, values, strict=True)), return_dict=True)
        return {name: value for name, value in found.items() if isinstance(value, torch.Tensor)}


def _model(folder: str, trusts_pickle: bool) -> Any:
    try:
        config = transformers.AutoConfig.from_pretrained(folder, **_FROM_FOLDER)
    except Exception as error:  # whatever reading it runs into
        got = (str(error).splitlines() or [""])[0][:300]
        hint = "models that bring code of their own are not run; export it to ONNX yourself."
        raise refusal("a config.json of a known model type", got, hint) from error
    name = (config.architectures or ["AutoModel"])[0]
    kind = getattr(transformers, name, None)
    if kind is None:
        hint = "models that bring code of their own are not run; export it to ONNX yourself."
        raise refusal(f"an architecture of transformers {transformers.__version__}", name, hint)
    if config.is_encoder_decoder or name.endswith(_GENERATES):
        hint = "models that write text are served by runtimes for language models."
        raise refusal("an encoder or a classifier", name, hint)
    try:
        model, found = kind.from_pretrained(
            folder,
            use_safetensors=None if trusts_pickle else True,
            dtype=torch.float32,
            attn_implementation="eager",
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are named below
            **_FROM_FOLDER,
        )
    except Exception as error:
        got = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise refusal(f"weights for {name}", got, "copy the folder again.") from error
    mismatched = [name if isinstance(name, str) else name[0] for name in found["mismatched_keys"]]
    missing = sorted({*found["missing_keys"], *mismatched})
    if missing:
        hint = "it was saved as another architecture; correct `architectures` in config.json."
        listed = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
        raise refusal(f"weights for all of {name}", f"none that fit {listed}", hint)
    return model.eval()


Example = tuple[dict[str, Any], Free, dict[str, list[float]]]


def _text(model: Any, folder: str) -> Example:
    config = model.config
    shape = (2, 11)
    example = {"input_ids": torch.randint(0, config.vocab_size, shape)}
    ranges: dict[str, list[float]] = {"input_ids": [0, config.vocab_size - 1]}
    taken = inspect.signature(model.forward).parameters
    if "attention_mask" in taken:
        example["attention_mask"] = torch.ones(shape, dtype=torch.int64)
        example["attention_mask"][1, 7:] = 0
        ranges["attention_mask"] = [0, 1]
    kinds = getattr(config, "type_vocab_size", 0) or 0
    if "token_type_ids" in taken and kinds > 1:
        example["token_type_ids"] = torch.zeros(shape, dtype=torch.int64)
        ranges["token_type_ids"] = [0, kinds - 1]
    return example, {name: {1: "sequence"} for name in example}, ranges


def _image(model: Any, folder: str) -> Example:
    size = getattr(model.config, "image_size", None) or _image_size(folder)
    height, width = size if isinstance(size, list | tuple) else (size, size)
    channels = getattr(model.config, "num_channels", 3)
    return {"pixel_values": torch.randn(2, channels, height, width)}, {}, {"pixel_values": [-3, 3]}


def _image_size(folder: str) -> Any:
    path = Path(folder) / "preprocessor_config.json"
    settings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    size = settings.get("crop_size") or settings.get("size") or 224
    if isinstance(size, dict):
        size = (
            (size["height"], size["width"]) if "height" in size else size.get("shortest_edge", 224)
        )
    return size


def _sound(model: Any, folder: str) -> Example:
    config = model.config
    if hasattr(config, "num_mel_bins") and hasattr(config, "max_length"):  # a spectrogram
        shape = (2, config.max_length, config.num_mel_bins)
        return {"input_values": torch.randn(shape)}, {}, {"input_values": [-3, 3]}
    example = {"input_values": torch.randn(2, 8000)}
    return example, {"input_values": {1: "samples"}}, {"input_values": [-3, 3]}


def _features(model: Any, folder: str) -> Example:
    config = model.config
    shape = (2, config.num_mel_bins, config.max_source_positions * 2)
    return {"input_features": torch.randn(shape)}, {}, {"input_features": [-3, 3]}


def _unknown(model: Any, folder: str) -> Example:
    hint = "export it to ONNX yourself."
    expected = f"a model of {', '.join(_EXAMPLES)}"
    raise refusal(expected, f"{type(model).__name__} of {model.main_input_name}", hint)


_EXAMPLES = {
    "input_ids": _text,
    "pixel_values": _image,
    "input_values": _sound,
    "input_features": _features,
}


def _sizes(config: Any, free: Free) -> dict[str, list[int]]:
    names = {name for axes in free.values() for name in axes.values() if name != BATCH}
    longest = getattr(config, "max_position_embeddings", None) or 512
    return {
        name: [size for size in _LENGTHS[name] if name != "sequence" or size < longest - 2]
        for name in names
    }


def _classes(model: Any) -> list[str] | None:
    if "Classification" not in type(model).__name__:
        return None
    names = model.config.id2label
    return [str(names[i]) for i in range(len(names))]


def _tokenizer(folder: str, model: Any, inputs: list[str]) -> tuple[Any, list[str]]:
    try:
        found = transformers.AutoTokenizer.from_pretrained(folder, **_FROM_FOLDER)
        text = found.backend_tokenizer.to_str()
    except Exception as error:  # none there, or one written in Python alone
        got = (str(error).splitlines() or [type(error).__name__])[0][:200]
        return None, [f"sentences cannot be sent, only token ids: {got}"]
    longest = getattr(model.config, "max_position_embeddings", None) or 10**9
    if model.config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer"):
        longest -= (model.config.pad_token_id or 0) + 1  # they count places from there
    return {
        "tokenizer": text,
        "inputs": inputs,
        "max_length": int(min(found.model_max_length, longest)),
        "pad_id": found.pad_token_id or 0,
        "pad_type_id": found.pad_token_type_id,
        "pad_left": found.padding_side == "left",
    }, []

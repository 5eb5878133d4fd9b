import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.cli.child import tradewind
from tests.frameworks.running import make
from tests.frameworks.table import record

from tradewind.bundle import open_bundle
from tradewind.data import Preprocessing, Tokenization, carried, open_dataset
from tradewind.engines import OnnxRuntime
from tradewind.errors import ModelError
from tradewind.importers import load_model, notes_of
from tradewind.importers.probes import probes
from tradewind.model import Model
from tradewind.runners import Tokenized

TOKENS = ["input_ids: INT64[batch, sequence]", "attention_mask: INT64[batch, sequence]"]
TYPED = [*TOKENS, "token_type_ids: INT64[batch, sequence]"]
PIXELS = ["pixel_values: FP32[batch, 3, 32, 32]"]

SIGNATURES = {
    "bert": (TYPED, ["logits: FP32[batch, 2]"]),
    "bert-features": (
        TYPED,
        ["last_hidden_state: FP32[batch, sequence, 32]", "pooler_output: FP32[batch, 32]"],
    ),
    "bert-tokens": (TYPED, ["logits: FP32[batch, sequence, 5]"]),
    "distilbert": (TOKENS, ["logits: FP32[batch, 2]"]),
    "roberta": (TOKENS, ["logits: FP32[batch, 2]"]),
    "electra": (TYPED, ["logits: FP32[batch, 2]"]),
    "deberta": (TOKENS, ["logits: FP32[batch, 2]"]),
    "modernbert": (TOKENS, ["logits: FP32[batch, 2]"]),
    "vit": (PIXELS, ["logits: FP32[batch, 3]"]),
    "resnet": (PIXELS, ["logits: FP32[batch, 3]"]),
    "convnext": (PIXELS, ["logits: FP32[batch, 3]"]),
    "mobilenet": (PIXELS, ["logits: FP32[batch, 3]"]),
    "wav2vec2": (["input_values: FP32[batch, samples]"], ["logits: FP32[batch, 3]"]),
    "ast": (["input_values: FP32[batch, 64, 32]"], ["logits: FP32[batch, 3]"]),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of each model."""
    here = tmp_path_factory.mktemp("huggingface")
    sentences = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "sst2"
    make("transformers", "huggingface.py", [here, sentences / "train.tsv", *SIGNATURES])
    return here


@pytest.fixture(scope="module")
def loaded(folders: Path) -> dict[str, Model]:
    """What was imported already: an import takes a while."""
    return {}


def imported(folders: Path, loaded: dict[str, Model], name: str) -> Model:
    if name not in loaded:
        loaded[name] = load_model(folders / name)
    return loaded[name]


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_folder_keeps_names_with_batch_and_length_free(
    folders: Path, loaded: dict[str, Model], name: str
) -> None:
    model = imported(folders, loaded, name)
    signature = model.signature
    assert list(map(str, signature.inputs)) == SIGNATURES[name][0]
    assert list(map(str, signature.outputs)) == SIGNATURES[name][1]
    assert model.origin.framework == "transformers"
    assert model.origin.parity is not None
    assert model.origin.parity.examples >= 80
    kind = json.loads((folders / name / "config.json").read_text())["architectures"][0]
    questions = None
    if name == "wav2vec2":  # shorter recordings than one frame have no answer
        random = np.random.default_rng(0)
        questions = [{"input_values": random.normal(size=(2, 8000)).astype(np.float32)}]
    record("Hugging Face", "folder", kind, model, questions=questions)
    asked = (questions or probes(model.signature))[0]
    with OnnxRuntime(threads=1).compile(model) as runner:
        answers = runner(asked)
    # of answers near 0 every import would be right
    assert all(float(np.abs(answer).max()) > 1e-3 for answer in answers.values())


def test_classes_are_carried_over(folders: Path, loaded: dict[str, Model]) -> None:
    graph = imported(folders, loaded, "bert").graph
    assert json.loads(graph.metadata_props["tradewind.classes"]) == ["negative", "positive"]


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_sentences_become_the_tokens_that_transformers_makes(
    folders: Path, loaded: dict[str, Model], name: str
) -> None:
    pytest.importorskip("tokenizers", reason="no tokenizers: they come with the extra `text`")
    model = imported(folders, loaded, name)
    tokenization = carried(model)
    assert isinstance(tokenization, Tokenization)
    expected = json.loads((folders / name / "expected.json").read_text(encoding="utf-8"))
    texts = np.array(expected["sentences"], object)
    found = tokenization.apply(texts, model.signature)
    assert set(found) == {spec.name for spec in model.signature.inputs}
    for part, array in found.items():
        assert array.tolist() == expected["tokens"][part], part
    with Tokenized(OnnxRuntime(threads=1).compile(model), tokenization) as runner:
        together = runner({"text": texts})["logits"]
        alone = [runner({"text": texts[i : i + 1]})["logits"][0] for i in range(len(texts))]
    # padding is masked, which leaves rounding
    np.testing.assert_allclose(together, alone, atol=1e-4)


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_pairs_become_the_tokens_that_transformers_makes(
    folders: Path, loaded: dict[str, Model], tmp_path: Path, name: str
) -> None:
    pytest.importorskip("tokenizers", reason="no tokenizers: they come with the extra `text`")
    model = imported(folders, loaded, name)
    expected = json.loads((folders / name / "expected.json").read_text(encoding="utf-8"))
    data = tmp_path / "pairs.npz"
    np.savez(data, text=np.array(expected["sentences"]), text_pair=np.array(expected["others"]))
    dataset = open_dataset(data, model.signature, preprocessing=carried(model))
    found = dataset.take(np.arange(len(dataset)))
    assert set(found) == {spec.name for spec in model.signature.inputs}
    for part, array in found.items():
        assert array.tolist() == expected["pairs"][part], part


def test_a_bundle_made_from_pairs_takes_pairs(folders: Path, tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="no tokenizers: they come with the extra `text`")
    random = np.random.default_rng(5)
    words = ["good", "bad", "film", "dull", "fine", "a", "the", "not"]
    lines = [
        f"{' '.join(random.choice(words, 4))},{' '.join(random.choice(words, 5))}"
        for _ in range(200)
    ]
    data = tmp_path / "pairs.csv"
    data.write_text("text,text_pair\n" + "\n".join(lines) + "\n")
    bundle = tmp_path / "model.tw"
    limits = ("--time", "20s", "--effort", "quick")
    done = tradewind("optimize", folders / "bert", "--data", data, "--out", bundle, *limits)
    assert done.code == 0, done.err
    answers = tmp_path / "answers.npz"
    done = tradewind("predict", bundle, "--in", data, "--out", answers)
    assert done.code == 0, done.err
    opened = open_bundle(bundle)
    with opened.compile() as runner, np.load(answers) as kept:
        assert [spec.name for spec in runner.signature.inputs] == ["text", "text_pair"]
        first = [np.array([text], object) for text in lines[0].split(",")]
        found = runner({"text": first[0], "text_pair": first[1]})["logits"]
        # one example alone is not padded as it is beside others
        np.testing.assert_allclose(found[0], kept["logits"][0], atol=1e-2)
        turned = runner({"text": first[1], "text_pair": first[0]})["logits"]
    assert not np.allclose(found, turned, atol=1e-3)


def test_pictures_become_the_pixels_that_transformers_makes(
    folders: Path, loaded: dict[str, Model]
) -> None:
    steps = carried(imported(folders, loaded, "vit"))
    assert isinstance(steps, Preprocessing)
    ready = steps.apply(steps.decode(folders / "vit" / "picture.png")[None])
    # multiplied by 1 / 255 there, divided by 255 here
    np.testing.assert_allclose(ready, np.load(folders / "vit" / "picture.npy"), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "what"),
    [("resnet", "crops the middle"), ("wav2vec2", "deviation 1"), ("ast", "spectrograms")],
)
def test_what_our_preprocessing_cannot_do_is_said(
    folders: Path, loaded: dict[str, Model], name: str, what: str
) -> None:
    model = imported(folders, loaded, name)
    assert carried(model) is None
    assert what in notes_of(model)[0]


def test_a_table_of_sentences_is_read_for_a_model(
    folders: Path, loaded: dict[str, Model], tmp_path: Path
) -> None:
    pytest.importorskip("tokenizers", reason="no tokenizers: they come with the extra `text`")
    model = imported(folders, loaded, "distilbert")
    (tmp_path / "data.csv").write_text('sentence,label\n"a fine, film",1\ndull,0\n')
    dataset = open_dataset(tmp_path / "data.csv", model.signature, preprocessing=carried(model))
    taken = dataset.take(np.arange(2))
    assert taken["input_ids"].shape == taken["attention_mask"].shape
    assert taken["attention_mask"].sum(axis=1)[0] > taken["attention_mask"].sum(axis=1)[1]
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [1, 0]


def copied(folders: Path, tmp_path: Path, **changes: object) -> Path:
    """Return a copy of the BERT classifier with changes in its config."""
    target = tmp_path / "model"
    shutil.copytree(folders / "bert", target)
    config = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps({**config, **changes}))
    return target


def test_pickled_weights_are_refused(folders: Path, tmp_path: Path) -> None:
    target = copied(folders, tmp_path)
    (target / "model.safetensors").rename(target / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin, a pickle"):
        load_model(target)


def test_weights_that_a_head_lacks_are_refused(folders: Path, tmp_path: Path) -> None:
    target = copied(folders, tmp_path, architectures=["BertForMultipleChoice"], num_labels=7)
    with pytest.raises(ModelError, match="classifier"):
        load_model(target)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"architectures": ["BertLMHeadModel"]}, "an encoder or a classifier"),
        ({"architectures": ["MyOwnModel"]}, "an architecture of transformers"),
        ({"model_type": "my_own", "auto_map": {"AutoConfig": "code.Config"}}, "known model type"),
    ],
)
def test_what_only_other_code_can_run_is_refused(
    folders: Path, tmp_path: Path, changes: dict[str, object], expected: str
) -> None:
    target = copied(folders, tmp_path, **changes)
    (target / "code.py").write_text("raise SystemExit('foreign code was run')")
    with pytest.raises(ModelError, match=expected):
        load_model(target)


def test_a_damaged_file_of_weights_is_refused(folders: Path, tmp_path: Path) -> None:
    target = copied(folders, tmp_path)
    content = (target / "model.safetensors").read_bytes()
    (target / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="weights for BertForSequenceClassification"):
        load_model(target)

"""Labels on demand: few labels give the certificate that all would have given."""

import csv
from pathlib import Path

import numpy as np
import pytest
from tests.cli.child import tradewind
from tests.search.stage import baseline, job, numbered, trial

from tradewind.data import ArrayDataset
from tradewind.errors import DataError, SettingError
from tradewind.measure import Accuracy, Agreement, Within
from tradewind.search import Labels, Questions, read_labels, write_questions
from tradewind.search.certifying import Certifier
from tradewind.search.progress import Silence
from tradewind.search.questions import awaited, find_questions, without_labels
from tradewind.tensors import Array

COUNT = 4000


def _unlabelled(count: int = COUNT) -> ArrayDataset:
    return numbered(count, labelled=False)


def _changed(random: np.random.Generator, certify: Array, count: int) -> list[int]:
    """Return `count` examples of the certify split, and some that no certificate looks at."""
    others = np.setdiff1d(np.arange(COUNT), certify)
    return [
        *random.choice(certify, count, replace=False).tolist(),
        *random.choice(others, 20, replace=False).tolist(),
    ]


def test_few_labels_certify_exactly_what_all_do(random: np.random.Generator) -> None:
    wrong_before = random.choice(COUNT, 500, replace=False).tolist()
    full = numbered(COUNT, wrong=wrong_before)
    for changes in (0, 5, 30, 80):
        seed = int(random.integers(1000))
        with_all, without = job(full, seed=seed), job(_unlabelled(), seed=seed)
        changed = _changed(random, without.splits.certify, changes)
        found = find_questions(
            without, 100, baseline(), [trial("one", wrong=changed)], 800.0, Silence()
        )
        assert len(found.examples) == changes
        assert found.pending == ("one",)
        assert full.labels is not None
        labels = Labels(found.examples, full.labels[found.examples])
        few, every = trial("one", wrong=changed), trial("one", wrong=changed)
        asked = job(_unlabelled(), seed=seed)
        Certifier(asked, baseline(), 800.0, labels, found.looked_at).run([few], Silence())
        Certifier(with_all, baseline(), 800.0).run([every], Silence())
        assert few.certificate == every.certificate
        assert few.loss is None


def test_variants_are_asked_about_until_the_budget_is_used(random: np.random.Generator) -> None:
    work = job(_unlabelled())
    certify = work.splits.certify
    first, second, third = certify[:30].tolist(), certify[20:60].tolist(), certify[90:99].tolist()
    trials = [trial("a", wrong=first), trial("b", wrong=second), trial("c", wrong=third)]
    found = find_questions(work, 65, baseline(), trials, 800.0, Silence())
    assert found.pending == ("a", "b")
    assert set(found.examples.tolist()) == set(certify[:60].tolist())
    assert trials[2].refusals == ["69 labels would be needed to test it"]
    assert "60 labels" in awaited(found)
    none = find_questions(work, 5, baseline(), [trial("a", wrong=first)], 800.0, Silence())
    assert (none.pending, len(none.examples)) == ((), 0)
    assert "so few labels" in awaited(none)


def test_an_answer_that_differs_without_a_label_is_told() -> None:
    labels = Labels(np.array([4, 7]), np.array([1, 0]))
    answers, original = np.array([1, 1, 0]), np.array([1, 0, 1])
    with pytest.raises(DataError, match="none for 1 of them: example 9"):
        labels.check(answers, original, np.array([5, 7, 9]))
    labels.check(answers, original, np.array([5, 7, 4]))


def test_the_table_goes_out_empty_and_comes_back_full(tmp_path: Path) -> None:
    data = _unlabelled(50)
    path = tmp_path / "q.csv"
    write_questions(path, data, Questions(np.array([7, 3, 40]), 50, ("a",)))
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["example", "label", "x[0]", "x[1]"]
    assert rows[1] == ["7", "", "-1.0", "7.0"]
    with pytest.raises(DataError, match="none for 3 of 3, the first for example 7"):
        read_labels(path, data)
    filled = [rows[0], *([number, "1", *rest] for number, _, *rest in rows[1:])]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(filled)
    labels = read_labels(path, data)
    truth = labels.truth(np.zeros(4, np.int64), np.array([3, 4, 7, 40]))
    assert truth.tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n", "columns example and label"),
        ("example,label\n50,1\n", "numbers from 0 to 49"),
        ("example,label\n-1,1\n", "numbers from 0 to 49"),
        ("example,label\n3,1\n3,0\n", "every example once"),
        ("", "columns example and label"),
    ],
)
def test_a_table_that_is_none_is_refused(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=expected):
        read_labels(path, _unlabelled(50))


def test_what_cannot_ask_for_labels_says_so() -> None:
    assert without_labels(Accuracy(0.5), _unlabelled(), 5) == Agreement(0.5)
    with pytest.raises(SettingError, match="1 or more"):
        without_labels(Accuracy(), _unlabelled(), 0)
    with pytest.raises(SettingError, match="data without labels"):
        without_labels(Accuracy(), numbered(50), 5)
    with pytest.raises(SettingError, match="--metric accuracy"):
        without_labels(Within(0.1), _unlabelled(), 5)


def test_the_commands_ask_and_go_on(tmp_path: Path, random: np.random.Generator) -> None:
    import onnx
    from tests.cli.samples import convolution, scores

    model = tmp_path / "model.onnx"
    onnx.save(convolution(random, side=24), model)
    image = random.standard_normal((1500, 3, 24, 24)).astype(np.float32)
    truth = scores(model, {"image": image}).argmax(axis=1)
    np.savez(tmp_path / "data.npz", image=image)
    optimized = tradewind(
        "optimize", model, "--data", tmp_path / "data.npz", "--label-budget", "300",
        "--max-drop", "0.05", "--time", "20s", "--effort", "quick", "--json",
    )  # fmt: skip
    assert optimized.code == 0, optimized.err
    found = optimized.document
    questions = tmp_path / "model.questions.csv"
    assert found["questions"] == str(questions)
    assert not any(one["certificate"] for one in found["variants"])
    assert found["asked"]["labels"] <= 300
    with questions.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert len(rows) == found["asked"]["labels"]
    renewing = (
        "recertify", tmp_path / "model.tw", "--data", tmp_path / "data.npz", "--time", "12s",
        "--labels", questions, "--json",
    )  # fmt: skip
    if rows:
        early = tradewind(*renewing)
        assert early.code == 2
        assert "a label in every line" in early.document["error"]["expected"]
    with questions.open("w", newline="") as file:
        filled = [[number, truth[int(number)], *rest] for number, _, *rest in rows]
        csv.writer(file).writerows([header, *filled])
    if not found["pending"]:
        pytest.skip("nothing was quicker than the original in these seconds")
    done = tradewind(*renewing)
    assert done.code == 0, done.err
    certified = {one["variant"]: one["certificate"] for one in done.document["variants"]}
    assert done.document["pending"] == []
    assert set(certified) == {"original", *found["pending"]}
    for name in found["pending"][:1]:  # a later one is tested only when those before it pass
        assert certified[name]["kind"] == "labels"
        assert certified[name]["n"] == found["asked"]["looked_at"]

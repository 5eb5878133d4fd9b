"""Further examples without labels, on the command line."""

import numpy as np
from tests.cli.child import tradewind
from tests.cli.samples import Sample, features


def test_what_the_data_hold_too_is_left_out_and_counted(
    sample: Sample, random: np.random.Generator
) -> None:
    with np.load(sample.data) as archive:
        known = archive["x"][:150]
    more = features(random, 80)
    path = sample.folder / "more.npz"
    # labels of another number of classes, which nobody looks at
    np.savez(path, x=np.concatenate([more, known]), label=np.full(230, 99))
    done = tradewind(
        "optimize", sample.model, "--data", sample.data, "--unlabelled", path,
        "--time", "5s", "--effort", "quick", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "150 of 230 unlabelled examples" in " ".join(done.err.split())
    found = done.document["source"]
    assert found["examples"] == 400
    assert (found["unlabelled"]["examples"], found["unlabelled"]["known"]) == (80, 150)
    assert found["unlabelled"]["data"] == str(path)
    splits = done.document["splits"]
    assert splits["calibrate"] + splits["select"] + splits["certify"] == 400
    report = (sample.model.with_suffix(".tw") / "report.html").read_text(encoding="utf-8")
    assert "Without labels" in report


def test_further_examples_have_to_fit_the_model(
    sample: Sample, random: np.random.Generator
) -> None:
    path = sample.folder / "more.npz"
    np.savez(path, x=random.normal(size=(20, 5)).astype(np.float32))
    done = tradewind("optimize", sample.model, "--data", sample.data, "--unlabelled", path)
    assert done.code == 2
    assert "more.npz" in done.err
    done = tradewind("optimize", sample.model, "--data", sample.data, "--unlabelled", "no.npz")
    assert done.code == 2
    assert "no.npz" in done.err

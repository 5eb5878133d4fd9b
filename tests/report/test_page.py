"""The report as a browser reads it."""

import math
import re
from dataclasses import replace
from html.parser import HTMLParser

from tradewind.bundle import Manifest
from tradewind.report import page

_VOID = {"meta", "link", "br", "hr", "img", "input"}
_COORDINATES = {"x": 2, "x1": 2, "x2": 2, "cx": 2, "y": 3, "y1": 3, "y2": 3, "cy": 3}


class Reader(HTMLParser):
    """Reads a page and notes what is wrong with it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.named: list[str] = []  # ids that something refers to
        self.text: list[str] = []
        self.outside: list[str] = []  # coordinates that no view box holds
        self.box = [0.0, 0.0, 0.0, 0.0]
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in _VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name == "aria-labelledby":
                self.named += (value or "").split()
            elif name == "viewbox":
                self.box = [float(number) for number in (value or "").split()]
            elif name in _COORDINATES and "svg" in self.open:
                self._check(tag, name, float(value or "nan"), self.box[_COORDINATES[name]])
            elif name == "points":
                for x, y in (pair.split(",") for pair in (value or "").split()):
                    self._check(tag, "x", float(x), self.box[2])
                    self._check(tag, "y", float(y), self.box[3])

    def _check(self, tag: str, name: str, value: float, limit: float) -> None:
        if not (math.isfinite(value) and 0 <= value <= limit):
            self.outside.append(f"{tag} {name}={value} of {limit}")

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> without a beginning"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def read(manifest: Manifest) -> Reader:
    """Return a page as it is read."""
    return Reader(page(manifest))


def said(reader: Reader) -> str:
    """Return the text of a page on one line."""
    return " ".join("".join(reader.text).split())


def test_every_tag_is_closed(any_manifest: Manifest) -> None:
    assert read(any_manifest).open == []


def test_no_script_runs(any_manifest: Manifest) -> None:
    found = read(any_manifest)
    assert not found.tags & {"script", "iframe", "object", "link", "img", "b", "em", "i"}
    assert re.search(r"<[^>]+\son\w+=", page(any_manifest)) is None


def test_nothing_is_loaded_from_elsewhere(any_manifest: Manifest) -> None:
    assert re.findall(r"https?://|url\(|@import|\ssrc=|\shref=", page(any_manifest)) == []


def test_ids_are_unique(any_manifest: Manifest) -> None:
    ids = read(any_manifest).ids
    assert sorted(ids) == sorted(set(ids))


def test_every_label_refers_to_something(any_manifest: Manifest) -> None:
    found = read(any_manifest)
    assert set(found.named) <= set(found.ids)


def test_everything_drawn_is_inside_its_picture(any_manifest: Manifest) -> None:
    assert read(any_manifest).outside == []


def test_every_variant_is_named(any_manifest: Manifest) -> None:
    text = said(read(any_manifest))
    assert [one.variant for one in any_manifest.variants if one.variant not in text] == []


def test_every_refusal_is_explained(any_manifest: Manifest) -> None:
    text = said(read(any_manifest)).lower()
    assert [one.why for one in any_manifest.refused if one.why.lower() not in text] == []


def test_no_value_is_shown_as_a_programmer_writes_it(any_manifest: Manifest) -> None:
    assert re.search(r"\b(nan|inf|None|True|False)\b", said(read(any_manifest))) is None


def test_the_answer_comes_with_its_evidence(good: Manifest) -> None:
    text = said(read(good))
    assert "int8-nncf-openvino answers one request 3.80 times sooner than the original" in text
    assert "41 wrong that the original had right" in text
    assert "at most 0.65%" in text


def test_the_certificate_says_what_it_is_bound_to(good: Manifest) -> None:
    text = said(read(good))
    for bound in (good.source.model_digest, good.chosen.model_digest, good.source.data_digest):
        assert bound in text
    assert "openvino 2026.1.0" in text
    assert good.hardware.cpu in text
    assert "void on another CPU" in text


def test_no_certificate_is_claimed_when_none_was_given(kept: Manifest) -> None:
    text = said(read(kept))
    assert "What the certificate is bound to" not in text
    assert "which is no certificate; about 9,800 examples would be needed" in text


def test_what_was_not_measured_is_said(good: Manifest) -> None:
    assert "not measured" in said(read(good))


def test_the_commands_name_what_the_search_was_given(good: Manifest) -> None:
    text = said(read(good))
    assert (
        "tradewind bench nets/resnet18.onnx nets/resnet18.tw --data 'my tests.npz' "
        "--preprocess scale=255" in text
    )
    assert "tradewind verify nets/resnet18.tw" in text
    assert good.command in text


def test_nothing_but_the_original_needs_no_picture(good: Manifest) -> None:
    bare = replace(good.baseline, latency_ms=None)
    manifest = replace(good, baseline=bare, chosen=bare, variants=(bare,), refused=())
    text = said(read(manifest))
    assert "Nothing was timed." in text
    assert "Nothing was refused." in text


def test_the_certificate_of_a_cascade_is_bound_to_all_its_stages(team: Manifest) -> None:
    text = " ".join(Reader(page(team)).text)
    for stage in team.chosen.stages:
        assert stage.model_digest in text
    for words in ("Engine of stage 2", "onnxruntime 1.24.0", "threshold 0.27", "Passed on"):
        assert words in text

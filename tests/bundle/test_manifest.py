import json
from dataclasses import fields, replace

import pytest
from tests.cases import variations
from tests.cases.manifests import CASCADED, CHOSEN, MANIFEST

from tradewind.bundle import SCHEMA, Manifest, RuleRecord, read_manifest, settings_of
from tradewind.data import Preprocessing
from tradewind.engines import ENGINES
from tradewind.errors import BundleError
from tradewind.measure import Ratio
from tradewind.runners import RULES, AgreementPredictor, DistancePredictor, Margin, Scores


def _again(manifest: Manifest) -> Manifest:
    return read_manifest(manifest.to_json(), "manifest.json")


def test_a_manifest_survives_json() -> None:
    assert _again(MANIFEST) == MANIFEST
    prepared = replace(MANIFEST, preprocessing=Preprocessing(size=(32, 32), mean=(0.1, 0.2, 0.3)))
    assert _again(prepared) == prepared


def test_engines_of_every_setting_survive_json() -> None:
    for kind in ENGINES:
        for engine in variations(kind):
            record = replace(CHOSEN, engine=kind.name, settings=settings_of(engine))
            again = _again(replace(MANIFEST, chosen=record)).chosen
            assert again == record
            assert again.to_engine() == engine


def test_rules_of_every_setting_survive_json() -> None:
    rules = [
        Margin(Scores("logits"), 0.25, 2.0),
        Margin(Scores("shares", are_probabilities=True), 1.0),
        AgreementPredictor(Scores("logits"), 0.9, (0.5, -1.25), 3.0),
        DistancePredictor(-0.1, 0.3, 1, (2, 0), (0.1, -1e300), (0.25, 1 / 3, -2.0, 1e-9)),
    ]
    assert {type(rule) for rule in rules} == set(RULES)
    for rule in rules:
        found = RuleRecord(rule.name, settings_of(rule))
        stage = replace(CASCADED.stages[0], rule=found)
        record = replace(CASCADED, stages=(stage, CASCADED.stages[1]))
        again = _again(replace(MANIFEST, chosen=record)).chosen
        assert again == record
        assert again.stages[0].rule is not None
        assert again.stages[0].rule.to_rule() == rule


def test_a_rule_that_is_not_known_is_named() -> None:
    with pytest.raises(BundleError, match=r"one of margin, agreement, distance, got oracle"):
        RuleRecord("oracle", {}).to_rule()
    with pytest.raises(BundleError, match="rule margin: settings"):
        RuleRecord("margin", {"threshold": "high"}).to_rule()
    settings = settings_of(Margin(Scores("logits"), 0.5)) | {"temperature": -1}
    with pytest.raises(BundleError, match="temperature"):
        RuleRecord("margin", settings).to_rule()
    with pytest.raises(BundleError, match="whole trees"):
        RuleRecord("distance", {"threshold": -1.0, "columns": [1]}).to_rule()


def test_a_variant_without_stages_is_a_part_by_itself() -> None:
    [part] = CHOSEN.parts
    assert (part.engine, part.model, part.model_digest) == (
        CHOSEN.engine, CHOSEN.model, CHOSEN.model_digest,
    )  # fmt: skip
    assert CHOSEN.escalated is None
    assert CASCADED.parts == CASCADED.stages
    assert CASCADED.is_kept
    assert CASCADED.escalated == pytest.approx(0.12)


def test_a_manifest_of_the_first_schema_is_read() -> None:
    content = json.loads(MANIFEST.to_json())
    content["schema"] = 1
    for record in (content["baseline"], content["chosen"], *content["variants"]):
        del record["stages"]
    found = read_manifest(json.dumps(content).encode(), "manifest.json")
    assert replace(found, schema=SCHEMA) == MANIFEST


def test_a_ratio_without_an_upper_bound_has_null_in_json_and_infinity_in_memory() -> None:
    unbounded = Ratio(3.0, 0.0, float("inf"))
    record = replace(CHOSEN, speedup=unbounded, throughput_gain=unbounded)
    manifest = replace(MANIFEST, chosen=record, variants=(record,))
    content = json.loads(manifest.to_json())
    assert content["chosen"]["speedup"] == {"ratio": 3.0, "low": 0.0, "high": None}
    assert _again(manifest) == manifest


def test_a_measurement_that_is_no_number_counts_as_not_measured() -> None:
    record = replace(CHOSEN, loss=float("nan"), throughput_per_s=float("inf"))
    again = _again(replace(MANIFEST, chosen=record)).chosen
    assert again.loss is None
    assert again.throughput_per_s is None


def test_the_json_is_strict_and_indented() -> None:
    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is no JSON")

    content = MANIFEST.to_json()
    parsed = json.loads(content, parse_constant=refuse)
    assert list(parsed) == [field.name for field in fields(Manifest)]
    assert content.count(b"\n") > 50


@pytest.mark.parametrize("schema", [SCHEMA + 1, SCHEMA + 100])
def test_a_newer_schema_is_refused_whatever_else_is_in_it(schema: int) -> None:
    content = json.dumps({"schema": schema, "unknown": [1, 2]}).encode()
    with pytest.raises(BundleError, match="upgrade"):
        read_manifest(content, "manifest.json")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"null",
        b'{"schema": "one"}',
        b'{"schema": 1}',
        MANIFEST.to_json().replace(b'"max_drop": 0.01', b'"max_drop": 7', 1),
        MANIFEST.to_json().replace(b'"elapsed_s": 12.5', b'"elapsed_s": "long"'),
        MANIFEST.to_json()[:-40],
    ],
)
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(BundleError, match=r"^manifest\.json: expected"):
        read_manifest(content, "manifest.json")

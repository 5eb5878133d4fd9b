"""The artefact on disk: variants, measurements, certificates, report and hashes."""

from tradewind.bundle.loading import Bundle, is_bundle, open_bundle, prepared
from tradewind.bundle.manifest import (
    BASELINE,
    CASCADE,
    SCHEMA,
    TOKENIZER,
    Drop,
    Estimate,
    Manifest,
    Percentiles,
    Refusal,
    RuleRecord,
    Source,
    SplitSizes,
    StageRecord,
    TokenizerRecord,
    VariantRecord,
    read_manifest,
    settings_of,
)
from tradewind.bundle.seal import damages, seal
from tradewind.bundle.writing import REPORT, check_target, write_bundle

__all__ = [
    "BASELINE",
    "CASCADE",
    "REPORT",
    "SCHEMA",
    "TOKENIZER",
    "Bundle",
    "Drop",
    "Estimate",
    "Manifest",
    "Percentiles",
    "Refusal",
    "RuleRecord",
    "Source",
    "SplitSizes",
    "StageRecord",
    "TokenizerRecord",
    "VariantRecord",
    "check_target",
    "damages",
    "is_bundle",
    "open_bundle",
    "prepared",
    "read_manifest",
    "seal",
    "settings_of",
    "write_bundle",
]

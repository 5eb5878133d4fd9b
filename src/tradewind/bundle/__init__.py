"""The artefact on disk: variants, measurements, certificates, report and hashes."""

from tradewind.bundle.front import Front, front_of
from tradewind.bundle.loading import Bundle, is_bundle, open_bundle, prepared
from tradewind.bundle.manifest import (
    BASELINE,
    CASCADE,
    SCHEMA,
    TIMINGS,
    Asked,
    Drop,
    Estimate,
    Manifest,
    Percentiles,
    Refusal,
    RuleRecord,
    Source,
    SplitSizes,
    StageRecord,
    UnlabelledSource,
    VariantRecord,
    read_manifest,
    settings_of,
)
from tradewind.bundle.seal import damages, seal
from tradewind.bundle.signing import TrustedKey, new_signing_key, read_trusted, sign, signer
from tradewind.bundle.tokenizing import TOKENIZER, TokenizerRecord
from tradewind.bundle.trust import Demand, Trust
from tradewind.bundle.writing import REPORT, check_target, write_bundle

__all__ = [
    "BASELINE",
    "CASCADE",
    "REPORT",
    "SCHEMA",
    "TIMINGS",
    "TOKENIZER",
    "Asked",
    "Bundle",
    "Demand",
    "Drop",
    "Estimate",
    "Front",
    "Manifest",
    "Percentiles",
    "Refusal",
    "RuleRecord",
    "Source",
    "SplitSizes",
    "StageRecord",
    "TokenizerRecord",
    "Trust",
    "TrustedKey",
    "UnlabelledSource",
    "VariantRecord",
    "check_target",
    "damages",
    "front_of",
    "is_bundle",
    "new_signing_key",
    "open_bundle",
    "prepared",
    "read_manifest",
    "read_trusted",
    "seal",
    "settings_of",
    "sign",
    "signer",
    "write_bundle",
]

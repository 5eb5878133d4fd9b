"""Small models that every engine, pass and runner is tried on."""

from tests.cases.case import SEED, Case
from tests.cases.settings import variations
from tests.cases.table import CASES, DENSE

__all__ = ["CASES", "DENSE", "SEED", "Case", "variations"]

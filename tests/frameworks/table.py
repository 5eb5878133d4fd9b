"""Where tests note what they imported."""

from tests.cases.imports import IMPORTS

record = IMPORTS.record

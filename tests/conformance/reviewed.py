"""What was looked at by a person: answers that may differ, and refusals that are understood."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import msgspec
from tests.conformance.judging import Outcome, Verdict

FILE = Path(__file__).with_name("reviewed.toml")


@dataclass(frozen=True)
class RandomAnswers:
    """Cases whose answer is drawn anew every time."""

    tests: str  # a regular expression
    reason: str


@dataclass(frozen=True)
class Difference:
    """Cases that an engine answers in another way than the standard, with why it may."""

    engine: str
    tests: tuple[str, ...]
    reason: str
    depends_on_machine: bool = False  # it may not occur elsewhere


@dataclass(frozen=True)
class Refusal:
    """A kind of refusal that is understood."""

    says: str  # a regular expression that the message matches
    reason: str
    engine: str = ""  # every one when empty
    tests: str = ""  # a regular expression; every one when empty
    depends_on_machine: bool = False  # it may not occur elsewhere


@dataclass(frozen=True)
class Review:
    """All of it."""

    random: tuple[RandomAnswers, ...]
    differs: tuple[Difference, ...]
    refused: tuple[Refusal, ...]

    def is_random(self, case: str) -> bool:
        """Say whether only the shape and type of a case's answer can be compared."""
        return any(re.fullmatch(entry.tests, case) for entry in self.random)

    def difference(self, outcome: Outcome) -> Difference | None:
        """Return why an outcome may be another than the standard's; None where nobody looked."""
        for entry in self.differs:
            if entry.engine == outcome.engine and outcome.case in entry.tests:
                return entry
        return None

    def refusal(self, outcome: Outcome) -> Refusal | None:
        """Return what is known about the refusal of a case; None where nothing is."""
        for entry in self.refused:
            if (
                entry.engine in ("", outcome.engine)
                and re.search(entry.says, outcome.detail)
                and re.search(entry.tests, outcome.case)
            ):
                return entry
        return None


def load_review() -> Review:
    """Read `reviewed.toml`."""
    return msgspec.convert(tomllib.loads(FILE.read_text(encoding="utf-8")), Review)


REFUSALS = (Verdict.NOT_IMPORTED, Verdict.UNSUPPORTED, Verdict.REFUSED)

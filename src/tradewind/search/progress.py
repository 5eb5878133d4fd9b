"""What somebody who waits is told."""

from typing import Protocol


class Progress(Protocol):
    """Takes notice of what a search does; may show it or not."""

    def begin(self, stage: str, total: int | None = None) -> None:
        """A stage of the search begins, with this many steps where they can be counted."""

    def step(self, what: str) -> None:
        """One step of the stage begins."""

    def note(self, what: str) -> None:
        """Something worth a line of its own was found."""

    def best(self, what: str) -> None:
        """There is a new best variant so far."""


class Silence:
    """Progress that nobody watches."""

    def begin(self, stage: str, total: int | None = None) -> None: ...

    def step(self, what: str) -> None: ...

    def note(self, what: str) -> None: ...

    def best(self, what: str) -> None: ...

"""The progress of a search on a terminal."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text


class Watching:
    """Shows the stage, what is being tried, the time left and the best so far.

    On a terminal two lines are redrawn in place; elsewhere every stage gets a line.

    Args:
        console: where to show it.
        time_s: the time that the search was given.
    """

    def __init__(self, console: Console, time_s: float) -> None:
        self._console = console
        self._end = time.monotonic() + time_s
        self._stage = ""
        self._what = ""
        self._best = ""
        self._spinner = Spinner("dots")
        self._live = Live(
            console=console, get_renderable=self._render, refresh_per_second=8, transient=True
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def begin(self, stage: str, total: int | None = None) -> None:
        """Show a new stage."""
        self._stage, self._what = stage, ""
        if not self._console.is_terminal:
            self._console.print(f"{stage} …")

    def step(self, what: str) -> None:
        """Show what is being tried."""
        self._what = what

    def note(self, what: str) -> None:
        """Print a line that stays."""
        self._console.print(Text(f"note: {what}"))

    def best(self, what: str) -> None:
        """Show the best variant so far."""
        self._best = what

    def _render(self) -> Table:
        left_s = max(self._end - time.monotonic(), 0.0)
        grid = Table.grid(padding=(0, 1))
        what = f"{self._stage}: {self._what}" if self._what else self._stage
        grid.add_row(self._spinner, Text(what, overflow="ellipsis", no_wrap=True))
        best = f" · best so far: {self._best}" if self._best else ""
        minutes, seconds = divmod(int(left_s), 60)
        line = Text(f"at most {minutes}:{seconds:02d} left{best}", style="dim", no_wrap=True)
        grid.add_row("", line)
        return grid

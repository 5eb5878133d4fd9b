"""Names of variants beside columns of numbers, in as many lines as the terminal needs."""

from collections.abc import Iterable, Sequence
from textwrap import wrap

_LEAST_NAME = 12


def room_beside(columns: Iterable[Sequence[str]], gap: int, width: int) -> int:
    """Return how many characters columns of cells leave for a name and its mark.

    Args:
        columns: the cells of each, its title among them; lines are separated by line feeds.
        gap: spaces before each.
        width: of the terminal.
    """
    taken = sum(
        gap + max(len(line) for cell in column for line in cell.split("\n")) for column in columns
    )
    return max(_LEAST_NAME, width - taken - 3)


def folded(name: str, room: int, *, is_chosen: bool) -> str:
    """Return a name in lines that end where its words do, with a mark where it was chosen."""
    return ("> " if is_chosen else "  ") + "\n  ".join(wrap(name, room) or [""])

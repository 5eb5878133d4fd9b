"""The options about results of earlier searches."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tradewind.errors import SettingError
from tradewind.importers.environments import HOME, home
from tradewind.search import Cache

_OPTIONS = (
    click.option(
        "--cache",
        "cache_folder",
        type=click.Path(path_type=Path),
        help="Where graphs, answers and quick timings are kept, so that a search that was "
        f"interrupted, or gets more time, goes on from there. [default: `searches` in ${HOME}]",
    ),
    click.option(
        "--no-cache",
        is_flag=True,
        envvar="TRADEWIND_NO_CACHE",
        help="Without --cache: keep nothing, and use nothing of earlier searches.",
    ),
)

CACHING = ("cache_folder", "no_cache")
"""What the options are called inside."""


def own_cache() -> Cache:
    """Return the cache of searches that are told of no other."""
    return Cache(home() / "searches")


def remembering(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options, and hand them to the command as one argument named `cache`."""

    @functools.wraps(command)
    def with_cache(*args: Any, cache_folder: Path | None, no_cache: bool, **rest: Any) -> Any:
        folder = cache_folder
        if folder is not None and folder.exists() and not folder.is_dir():
            raise SettingError("--cache", "a folder", f"{folder}, a file")
        given = None if no_cache else own_cache()
        return command(*args, cache=given if folder is None else Cache(folder), **rest)

    found: Callable[..., Any] = with_cache
    for option in reversed(_OPTIONS):
        found = option(found)
    return found

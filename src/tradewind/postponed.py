"""Modules that are imported when something of them is first used.

Some packages import others that they hardly ever need, which takes time and memory at every start.
"""

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import Any, final


@final
class Postponed(ModuleType):
    """Stands in for a module.

    Args:
        name: of the module.
        importing: entered while it is imported.
    """

    def __init__(
        self, name: str, importing: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        super().__init__(name)
        self._importing = importing

    def __getattr__(self, name: str) -> Any:
        with self._importing():
            module = importlib.import_module(self.__name__)
        return getattr(module, name)


@contextlib.contextmanager
def until_used(*names: str) -> Iterator[None]:
    """Let what is imported in this block get along without some modules until it needs them.

    Whoever imports them elsewhere gets them as ever.
    """
    absent = [name for name in names if name not in sys.modules]
    for name in absent:
        sys.modules[name] = Postponed(name)
    try:
        yield
    finally:
        for name in absent:
            if isinstance(sys.modules.get(name), Postponed):
                del sys.modules[name]

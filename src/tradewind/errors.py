"""Every error that Tradewind raises on purpose.

TradewindError
├── InputError                what the caller gave cannot be used (exit code 2)
│   ├── SettingError          an option or argument is outside its range
│   ├── ModelError            a model file is unreadable, malformed or unsafe
│   ├── DataError             examples or labels do not fit the model
│   ├── RequestError          one inference request does not fit the signature
│   ├── BundleError           a bundle is missing, damaged or from elsewhere
│   └── OutputError           an output cannot be written where it was asked for
├── PassError                 a change to a model failed, or its result was wrong
│   └── PassRefusal           a change does not fit this model, and never will
├── EngineError               a runtime broke while running a model
│   └── UnsupportedModel      a runtime cannot run this model (exit code 2)
└── Stopped                   the work was interrupted before anything was finished

The server adds `Refusal`, which carries the reason and the status that a client is told.

A message reads "where: expected X, got Y." with a hint on a line of its own.
"""

from typing import ClassVar


class TradewindError(Exception):
    """The root: catches everything that Tradewind raises on purpose.

    Args:
        where: the file, tensor, option or field that is wrong.
        expected: what would have been right.
        got: what was found instead.
        hint: what to do about it; empty when nothing can be done.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, where: str, expected: str, got: str, hint: str = "") -> None:
        super().__init__(where, expected, got, hint)
        self.where = where
        self.expected = expected
        self.got = got
        self.hint = hint

    def __str__(self) -> str:
        line = f"{self.where}: expected {self.expected}, got {self.got.rstrip('.')}."
        return f"{line}\nhint: {self.hint}" if self.hint else line


class InputError(TradewindError):
    """What the caller gave cannot be used; giving something else helps."""

    exit_code: ClassVar[int] = 2


class SettingError(InputError):
    """An option or argument is outside its range."""


class ModelError(InputError):
    """A model file is unreadable, malformed or unsafe to load."""


class DataError(InputError):
    """Examples or labels do not fit the model, or there are too few of them."""


class RequestError(InputError):
    """One inference request does not fit the model's signature."""


class BundleError(InputError):
    """A bundle is missing, damaged or made for other hardware."""


class OutputError(InputError):
    """An output cannot be written where it was asked for."""


class PassError(TradewindError):
    """A change to a model failed, or its result did not pass its check."""


class PassRefusal(PassError):
    """A pass itself says that it does not fit a model; asking again would change nothing."""


class EngineError(TradewindError):
    """A runtime broke while running a model."""


class UnsupportedModel(EngineError):
    """A runtime cannot run this model; another model, or another runtime, may do."""

    exit_code: ClassVar[int] = 2


class Stopped(TradewindError):
    """The work was interrupted before anything was finished."""

    exit_code: ClassVar[int] = 130

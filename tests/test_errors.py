import inspect
import re

import pytest

from tradewind import errors
from tradewind.errors import InputError, Stopped, TradewindError, UnsupportedModel

KINDS = [
    kind
    for kind in vars(errors).values()
    if inspect.isclass(kind) and issubclass(kind, TradewindError)
]


def test_a_message_says_where_what_was_expected_what_came_and_what_to_do() -> None:
    error = TradewindError("stem.weight", "float32[64, 3]", "float32[64, 1]", "export it again.")
    assert str(error) == (
        "stem.weight: expected float32[64, 3], got float32[64, 1].\nhint: export it again."
    )


def test_a_message_without_a_hint_is_one_line_that_ends_in_one_stop() -> None:
    assert str(TradewindError("x", "a", "b.")) == "x: expected a, got b."


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_keeps_its_parts(kind: type[TradewindError]) -> None:
    error = kind("where", "expected", "got", "hint")
    parts = (error.where, error.expected, error.got, error.hint)
    assert parts == ("where", "expected", "got", "hint") == error.args
    assert kind.__doc__


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_the_caller_can_mend_ends_with_2(kind: type[TradewindError]) -> None:
    codes = {True: 2, False: 130 if kind is Stopped else 1}
    assert kind.exit_code == codes[issubclass(kind, (InputError, UnsupportedModel))]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert errors.__doc__ is not None
    found: dict[str, str] = {}
    above: list[str] = []
    for line in errors.__doc__.splitlines():
        match = re.match(r"^([│├└─ ]*)(\w+)(?:  .*)?$", line)
        if match and match[2] in {kind.__name__ for kind in KINDS}:
            depth = len(match[1]) // 4
            above = [*above[:depth], match[2]]
            found[match[2]] = above[depth - 1] if depth else "Exception"
    assert found == {kind.__name__: kind.__bases__[0].__name__ for kind in KINDS}

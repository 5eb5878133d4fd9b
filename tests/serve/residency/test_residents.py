"""Who goes when the memory is full, for any sizes, times and pins."""

import math

from hypothesis import given
from hypothesis import strategies as st

from tradewind.serve.residency.residents import Residents

_ONE = st.tuples(
    st.integers(1, 100),  # bytes
    st.integers(0, 50),  # since
    st.integers(0, 50),  # used, after that
    st.booleans(),  # pinned
    st.booleans(),  # busy
)


@given(
    held=st.lists(_ONE, max_size=12),
    limit=st.integers(0, 600),
    needed=st.integers(0, 200),
    stay=st.integers(0, 60),
)
def test_only_those_go_who_may_and_only_as_many_as_must(
    held: list[tuple[int, int, int, bool, bool]], limit: int, needed: int, stay: int
) -> None:
    now = 100
    residents: Residents[int] = Residents(limit, stay)
    for key, (size, since, after, pinned, _) in enumerate(held):
        residents.add(key, size, since, is_pinned=pinned).used_s = since + after
    may = {
        key
        for key, (_, since, _, pinned, busy) in enumerate(held)
        if not pinned and not busy and now - since >= stay
    }
    used = {key: since + after for key, (_, since, after, _, _) in enumerate(held)}
    going = residents.leavers(needed, now, lambda key: held[key][4])

    total = sum(size for size, *_ in held)
    assert residents.total_bytes == total  # asking changes nothing
    if going is None:
        assert total - sum(held[key][0] for key in may) + needed > limit
        return
    assert set(going) <= may
    assert total - sum(held[key][0] for key in going) + needed <= limit
    staying = may - set(going)
    assert all(used[gone] <= used[kept] for gone in going for kept in staying)
    if going:  # without the last of them it would not fit
        assert total - sum(held[key][0] for key in going[:-1]) + needed > limit


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 10)), max_size=30))
def test_the_total_is_that_of_those_who_are_there(steps: list[tuple[int, int]]) -> None:
    residents: Residents[int] = Residents()
    there: dict[int, int] = {}
    for now, (key, size) in enumerate(steps):
        if key in there:
            residents.drop(key)
            del there[key]
        else:
            residents.add(key, size, now)
            there[key] = size
        assert residents.total_bytes == sum(there.values())
    assert residents.leavers(10**12, math.inf, lambda _: False) == []


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=9), st.integers(0, 50))
def test_later_everything_fits_beside_the_pinned(held: list[tuple[int, bool]], limit: int) -> None:
    residents: Residents[int] = Residents(limit)
    for key, (size, pinned) in enumerate(held):
        residents.add(key, size, 0, is_pinned=pinned)
    pinned_bytes = sum(size for size, pinned in held if pinned)
    assert residents.fits_later(7) is (pinned_bytes + 7 <= limit)

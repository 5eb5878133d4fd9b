import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.serve.admission.making import SHAPE, ticket
from tests.serve.properties import relaxed

from tradewind.serve.admission.line import Line
from tradewind.serve.admission.ticket import Ticket

OTHER = ((5,),)

tickets = st.builds(
    ticket,
    client=st.sampled_from("abc"),
    rows=st.integers(1, 8),
    key=st.sampled_from([SHAPE, OTHER]),
    level=st.integers(1, 5),
    size_bytes=st.integers(0, 400),
)


def filled(waiting: list[Ticket], max_tickets: int = 100) -> Line[Ticket]:
    line = Line[Ticket](max_tickets, 10**9)
    for one in waiting:
        line.add(one)
    return line


@relaxed
@given(st.lists(tickets, max_size=30))
def test_everybody_has_a_turn_once(waiting: list[Ticket]) -> None:
    line = filled(waiting)
    assert {id(one) for one in line.in_turn(None)} == {id(one) for one in waiting}
    for _ in waiting:
        head = line.head()
        assert head is not None
        line.serve([head])
    assert (len(line), line.head(), line.rows.total()) == (0, None, 0)


@relaxed
@given(st.lists(tickets, max_size=30))
def test_the_more_urgent_goes_first(waiting: list[Ticket]) -> None:
    levels = [one.level for one in filled(waiting).in_turn(None)]
    assert levels == sorted(levels)


@relaxed
@given(st.lists(tickets, max_size=30))
def test_what_one_client_sends_with_one_priority_stays_in_order(waiting: list[Ticket]) -> None:
    turns = [id(one) for one in filled(waiting).in_turn(None)]
    for client in "abc":
        for level in range(1, 6):
            mine = [id(one) for one in waiting if (one.client, one.level) == (client, level)]
            assert [one for one in turns if one in mine] == mine


@relaxed
@given(st.lists(tickets, max_size=30))
def test_only_one_key_is_shown_when_it_is_asked_for(waiting: list[Ticket]) -> None:
    line = filled(waiting)
    shown = list(line.in_turn(SHAPE))
    assert len(shown) == sum(one.key == SHAPE for one in waiting)
    assert all(one.key == SHAPE for one in shown)
    assert line.rows[SHAPE] == sum(one.rows for one in shown)


@relaxed
@given(st.data())
def test_clients_who_wait_all_the_time_get_equal_shares(data: st.DataObject) -> None:
    largest = {client: data.draw(st.integers(1, 8), client) for client in "abc"}
    line = Line[Ticket](1000, 10**9)
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))

    def another(client: str) -> None:
        line.add(ticket(client, rows=int(random.integers(1, largest[client] + 1))))

    for client in "abc":
        for _ in range(data.draw(st.integers(2, 30), "backlog")):
            another(client)
    served = dict.fromkeys("abc", 0)
    for _ in range(200):
        head = line.head()
        assert head is not None
        line.serve([head])
        served[head.client] += head.rows
        another(head.client)
        for one in "abc":
            for two in "abc":
                if one != two:
                    assert abs(served[one] - served[two]) <= largest[one] + largest[two]


def test_whoever_comes_back_has_saved_up_nothing() -> None:
    line = filled([ticket("busy") for _ in range(50)])
    for _ in range(40):
        head = line.head()
        assert head is not None
        line.serve([head])
    for _ in range(10):
        line.add(ticket("idle"))
    turns = [one.client for one in line.in_turn(None)]
    assert 4 <= turns[:10].count("busy") <= 6


def test_large_requests_one_after_the_other_get_no_more_than_their_share() -> None:
    line = filled([ticket("small") for _ in range(200)])
    line.add(ticket("large", rows=32))
    served = dict.fromkeys(("small", "large"), 0)
    for _ in range(100):
        head = line.head()
        assert head is not None
        line.serve([head])
        served[head.client] += head.rows
        if head.client == "large":  # asks again as soon as it is answered
            line.add(ticket("large", rows=32))
    assert abs(served["small"] - served["large"]) <= 32


@relaxed
@given(st.lists(tickets, min_size=1, max_size=40), st.integers(1, 8), st.integers(100, 2000))
def test_the_line_is_never_longer_or_heavier_than_allowed(
    coming: list[Ticket], max_tickets: int, max_bytes: int
) -> None:
    line = Line[Ticket](max_tickets, max_bytes)
    inside: set[int] = set()
    for one in coming:
        if not line.fits(one):
            displaced = line.displaced_by(one)
            if displaced is None:
                continue
            assert (one.level, one.client) != (displaced.level, displaced.client)
            assert one.level <= displaced.level
            line.remove(displaced)
            inside.remove(id(displaced))
        line.add(one)
        inside.add(id(one))
        assert len(line) == len(inside) <= max_tickets
        assert sum(found.size_bytes for found in line.in_turn(None)) <= max_bytes
    assert {id(one) for one in line.in_turn(None)} == inside


def test_a_full_line_has_a_place_for_whoever_waits_for_less() -> None:
    line = filled([ticket("greedy") for _ in range(5)], max_tickets=5)
    last = list(line.in_turn(None))[-1]
    assert line.displaced_by(ticket("greedy")) is None
    assert line.displaced_by(ticket("modest")) is last
    assert line.displaced_by(ticket("greedy", level=1)) is last


def test_rows_before_counts_those_who_are_served_earlier() -> None:
    line = filled([ticket("a", rows=4), ticket("a", rows=4), ticket("b", rows=2, level=1)])
    assert line.rows_before(ticket("a")) == 10
    assert line.rows_before(ticket("c")) == 2
    assert line.rows_before(ticket("c", level=1)) == 0
    assert line.rows_before(ticket("c", level=5)) == 10

import pytest
from tests.serve.observing.accounts import answered

from tradewind.serve.observing import Account, Watch

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-%s"


def opened(watch: Watch, traceparent: str | None = None) -> Account:
    return watch.open("http", "POST", "/path", "here", traceparent)


def test_tensors_are_shown_to_those_who_take_them_and_let_go() -> None:
    taken: list[bool] = []
    seen: list[bool] = []
    account = answered()
    watch = Watch(
        [lambda one: taken.append(one.inputs is not None and one.outputs is not None)],
        [lambda one: seen.append(one.inputs is None and one.outputs is None)],
    )
    watch.close(account)
    assert (taken, seen) == ([True], [True])


def test_a_trace_goes_on_where_the_caller_began_it() -> None:
    trace = opened(Watch([], [], trace_rate=0), PARENT % "01").trace
    assert trace is not None
    assert trace.trace_id == 0x0AF7651916CD43DD8448EB211C80319C
    assert trace.parent_id == 0xB7AD6B7169203331
    assert trace.is_sampled
    header = trace.header
    assert header == f"00-0af7651916cd43dd8448eb211c80319c-{trace.span_id:016x}-01"
    assert opened(Watch([], [], trace_rate=0), header).trace is not None


def test_a_caller_who_does_not_sample_is_followed() -> None:
    trace = opened(Watch([], [], trace_rate=1), PARENT % "00").trace
    assert trace is not None
    assert not trace.is_sampled


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        "00-short-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nx: y",
    ],
)
def test_what_is_no_traceparent_begins_a_trace(traceparent: str | None) -> None:
    ids = set()
    for _ in range(2):
        trace = opened(Watch([], [], trace_rate=1), traceparent).trace
        assert trace is not None
        assert trace.parent_id == 0
        assert trace.is_sampled
        ids.add(trace.trace_id)
    assert len(ids) == 2


def test_nothing_is_traced_unless_asked() -> None:
    assert opened(Watch([], []), PARENT % "01").trace is None

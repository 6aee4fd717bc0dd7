from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from runtime.backoff import Backoff

FIRST, CAP = timedelta(milliseconds=100), timedelta(seconds=1)


def longest() -> Backoff:
    return Backoff(FIRST, CAP, draw=lambda: 1.0)


def test_the_bound_doubles_up_to_the_cap() -> None:
    backoff = longest()
    assert [backoff.next() / FIRST for _ in range(6)] == [1, 2, 4, 8, 10, 10]


def test_the_jitter_is_full() -> None:
    assert Backoff(FIRST, CAP, draw=lambda: 0.0).next() == timedelta(0)


def test_a_success_begins_anew() -> None:
    backoff = longest()
    for _ in range(5):
        backoff.next()
    backoff.reset()
    assert backoff.next() == FIRST


def test_the_server_is_left_alone_as_long_as_it_asks() -> None:
    assert longest().next(timedelta(seconds=7)) == timedelta(seconds=7) + FIRST


@given(st.integers(0, 10**6))
def test_the_cap_holds_however_long_the_outage(attempts: int) -> None:
    assert Backoff(FIRST, CAP, attempts=attempts).next() <= CAP

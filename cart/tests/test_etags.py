import pytest

from cart.etags import etag_of, guard_of
from cart.model import Stamp


@pytest.mark.parametrize("stamp", [Stamp(1, 1), Stamp(2**40, 2**50), Stamp(17, 4711)])
def test_an_etag_guards_the_state_it_was_given_for(stamp: Stamp) -> None:
    assert guard_of(etag_of(stamp)) == stamp


def test_no_two_states_share_an_etag() -> None:
    stamps = [Stamp(a, b) for a in (1, 16, 17, 273) for b in (1, 16, 17, 273)]
    assert len({etag_of(each) for each in stamps}) == len(stamps)


def test_an_empty_etag_guards_nothing() -> None:
    assert guard_of("") is None


@pytest.mark.parametrize(
    "etag", ["-", "1", "1-", "-1", "0-0", "1-1-1", "x", "1-1 ", "\x00", "1" * 99]
)
def test_an_etag_of_others_is_of_a_state_that_no_cart_is_in(etag: str) -> None:
    guard = guard_of(etag)
    assert guard is not None
    assert 0 in guard

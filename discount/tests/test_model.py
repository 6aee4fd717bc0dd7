from hypothesis import given
from hypothesis import strategies as st

from discount.model import Discount, State
from discount.tests.examples import NOW, draft

times = st.integers(NOW - 5, NOW + 5)


def discount(count: int, **fields: object) -> Discount:
    return Discount("A", draft(**fields), count, NOW, NOW, 1)


@given(st.none() | times, st.none() | times, times)
def test_it_is_good_from_its_start_to_just_before_its_end(
    start: int | None, end: int | None, now: int
) -> None:
    state = discount(0, start_time=start, end_time=end).state(now)
    is_good = (start is None or start <= now) and (end is None or now < end)
    assert (state is State.ACTIVE) is is_good


@given(st.integers(0, 4), st.integers(0, 4), st.booleans())
def test_it_is_used_up_at_its_limit_but_for_those_who_have_it(
    limit: int, count: int, is_redeemed: bool
) -> None:
    state = discount(count, redemption_limit=limit).state(NOW, is_redeemed=is_redeemed)
    is_used_up = 0 < limit <= count and not is_redeemed
    assert state is (State.EXHAUSTED if is_used_up else State.ACTIVE)


def test_what_is_switched_off_is_good_for_nobody() -> None:
    assert discount(0, active=False).state(NOW, is_redeemed=True) is State.INACTIVE

"""The messages at hand: which are kept, and for how long."""

from prometheus_client import REGISTRY

from cart.encoded_cart_cache import CartMessages
from cart.model import EncodedCart, Stamp


def test_a_message_is_at_hand_in_its_state_alone() -> None:
    messages = CartMessages()
    kept = messages.keep(Stamp(1, 5), b"five")
    assert kept == EncodedCart(Stamp(1, 5), b"five")
    assert messages.get(Stamp(1, 5)) is kept
    assert messages.get(Stamp(1, 4)) is None
    assert messages.get(Stamp(1, 6)) is None
    assert messages.get(Stamp(2, 5)) is None


def test_a_newer_message_takes_the_place_of_an_older_one_and_never_the_other_way() -> None:
    messages = CartMessages()
    messages.keep(Stamp(1, 5), b"five")
    messages.keep(Stamp(1, 6), b"six")
    assert messages.keep(Stamp(1, 5), b"five").message == b"five"
    assert messages.get(Stamp(1, 5)) is None
    assert messages.get(Stamp(1, 6)) == EncodedCart(Stamp(1, 6), b"six")


def test_of_too_many_the_least_recently_used_ones_go() -> None:
    messages = CartMessages(limit=4 * 1_300)
    for number in range(1, 5):
        messages.keep(Stamp(number, 1), b"x" * 1_000)
    assert messages.get(Stamp(1, 1)) is not None
    messages.keep(Stamp(5, 1), b"x" * 1_000)
    kept = [number for number in range(1, 6) if messages.get(Stamp(number, 1))]
    assert kept == [1, 3, 4, 5]


def test_growing_and_shrinking_messages_are_counted_as_they_are() -> None:
    messages = CartMessages(limit=2 * 1_300)
    messages.keep(Stamp(1, 1), b"")
    for revision in range(2, 100):
        messages.keep(Stamp(2, revision), b"x" * (1_900 if revision % 2 else 10))
    assert messages.get(Stamp(1, 1)) is not None
    messages.keep(Stamp(2, 100), b"x" * 2_200)
    assert messages.get(Stamp(1, 1)) is None


def test_a_message_above_the_limit_is_not_kept() -> None:
    messages = CartMessages(limit=1_000)
    assert messages.keep(Stamp(1, 1), b"x" * 1_000).message == b"x" * 1_000
    assert messages.get(Stamp(1, 1)) is None


def reads(outcome: str) -> float:
    return REGISTRY.get_sample_value("bodega_cart_message_reads_total", {"outcome": outcome}) or 0


def test_what_was_at_hand_and_what_was_not_is_counted() -> None:
    hits, misses = reads("hit"), reads("miss")
    messages = CartMessages()
    messages.get(Stamp(1, 1))
    messages.keep(Stamp(1, 1), b"one")
    messages.get(Stamp(1, 1))
    messages.get(Stamp(1, 1))
    assert (reads("hit") - hits, reads("miss") - misses) == (2, 1)

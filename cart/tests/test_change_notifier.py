import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import timedelta
from sqlite3 import DatabaseError

import pytest
from structlog.testing import capture_logs

from cart.model import Stamp
from cart.store.change_notifier import CartHub, Watch
from runtime.errors import Unavailable
from runtime.reason import Reason
from runtime.testing.waiting import eventually

AT_ONCE = timedelta(0)


class Replies:
    """Answers the question of a hub, and counts how often it was asked."""

    def __init__(self, answer: Mapping[str, Stamp]) -> None:
        self.answer = answer
        self.failures: list[Exception] = []
        self.owners: set[str] = set()
        self.count = 0

    async def __call__(self, owners: Collection[str]) -> Mapping[str, Stamp]:
        self.count += 1
        self.owners = set(owners)
        if self.failures:
            raise self.failures.pop(0)
        return self.answer

    async def asked_again(self) -> None:
        """Wait until a question that is asked from now on is answered, and looked at."""
        until = self.count + 2
        await eventually(lambda: self.count >= until)


async def some_turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def woken(watch: Watch) -> None:
    async with asyncio.timeout(60):
        await watch.wait()


async def is_woken(watch: Watch) -> bool:
    """Say whether who waits now would not."""
    waiting = asyncio.create_task(watch.wait())
    await some_turns()
    return not waiting.cancel()


@pytest.fixture
def hub() -> CartHub:
    return CartHub()


@pytest.fixture
def replies() -> Replies:
    return Replies({})


@pytest.fixture
async def following(hub: CartHub, replies: Replies) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(hub.follow(replies, AT_ONCE))
    yield task
    task.cancel()
    await asyncio.wait((task,))


async def test_only_who_watches_the_cart_is_woken(hub: CartHub) -> None:
    with hub.watching("ann") as one, hub.watching("ann") as two, hub.watching("bob") as other:
        hub.changed("ann")
        hub.changed("nobody")
        assert [await is_woken(each) for each in (one, two, other)] == [True, True, False]
    assert hub.watched == 0


async def test_what_another_replica_committed_is_found_by_asking(
    hub: CartHub, replies: Replies, following: asyncio.Task[None]
) -> None:
    replies.answer = {"ann": Stamp(1, 1), "bob": Stamp(2, 1)}
    with hub.watching("ann") as ann, hub.watching("bob") as bob:
        ann.seen, bob.seen = Stamp(1, 1), Stamp(2, 1)
        await replies.asked_again()
        assert not await is_woken(ann)
        replies.answer = {"ann": Stamp(1, 2), "bob": Stamp(2, 1)}
        await woken(ann)
        ann.seen = Stamp(1, 2)
        await replies.asked_again()
        assert [await is_woken(each) for each in (ann, bob)] == [False, False]
        replies.answer = {"bob": Stamp(2, 1)}
        await woken(ann)
        assert not await is_woken(bob)
    assert replies.owners == {"ann", "bob"}


async def test_a_cart_that_is_made_and_deleted_between_two_questions_is_not_missed(
    hub: CartHub, replies: Replies, following: asyncio.Task[None]
) -> None:
    with hub.watching("ann") as ann:
        await replies.asked_again()
        # It read the cart before anybody asked for its state; then the cart was deleted.
        ann.seen = Stamp(1, 1)
        await woken(ann)


async def test_nobody_is_asked_while_nobody_watches(
    hub: CartHub, replies: Replies, following: asyncio.Task[None]
) -> None:
    await some_turns()
    assert replies.count == 0
    with hub.watching("ann"):
        await replies.asked_again()
    # The question that is under way, at most.
    asked = replies.count + 1
    await some_turns()
    assert replies.count <= asked


async def test_a_failing_database_is_survived_and_logged_once(
    hub: CartHub, replies: Replies
) -> None:
    replies.failures = [
        Unavailable("away", reason=Reason.DATABASE_AWAY),
        DatabaseError("malformed"),
    ]
    replies.answer = {"ann": Stamp(1, 1)}
    with capture_logs() as events, hub.watching("ann") as ann:
        following = asyncio.create_task(hub.follow(replies, AT_ONCE))
        await woken(ann)
    following.cancel()
    assert [each["log_level"] for each in events] == ["warning"]

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from identity.grants.grants import Grants, NewGrant, insert_grant
from identity.tests.times import HandClock
from identity.users.passwords import Passwords, cheap_passwords
from identity.users.sessions import Sessions
from identity.users.users import NewUser, Users, fold
from runtime.clock import SECOND
from runtime.database import Database
from runtime.errors import AlreadyExists, InvalidArgument, NotFound

GOOD = "correct horse"


@pytest.fixture
def users(database: Database, clock: HandClock) -> Users:
    return Users(database, cheap_passwords(), clock=clock)


@pytest.fixture
async def alice(users: Users) -> str:
    user = await users.create(NewUser(username="Alice", email="alice@example.com"), GOOD)
    return user.user_id


async def test_a_new_user_has_a_random_sub_and_a_folded_name(users: Users) -> None:
    user = await users.create(NewUser(username=" \uff21lice "), GOOD)
    assert UUID(user.user_id).version == 4
    assert user.username == "alice"
    assert user.name == "alice"
    assert await users.get(user.user_id) == user
    assert await users.find("ALICE") == user


async def test_a_username_that_looks_the_same_is_taken(users: Users, alice: str) -> None:
    with pytest.raises(AlreadyExists):
        await users.create(NewUser(username="\uff21LICE"), GOOD)


async def test_of_two_who_want_one_name_at_once_one_gets_it(users: Users) -> None:
    made = await asyncio.gather(
        *(users.create(NewUser(username="bob"), GOOD) for _ in range(10)), return_exceptions=True
    )
    assert sum(not isinstance(one, BaseException) for one in made) == 1
    assert sum(isinstance(one, AlreadyExists) for one in made) == 9


@pytest.mark.parametrize(
    "new",
    [
        NewUser(username=""),
        NewUser(username="two words"),
        NewUser(username="nul\0"),
        NewUser(username="a" * 129),
        NewUser(username="right-to-left\u202e"),
        NewUser(username="alice", email="nobody"),
        NewUser(username="alice", email="a b@example.com"),
        NewUser(username="alice", name="\n\n\0"),
    ],
)
async def test_a_name_that_cannot_be_shown_is_refused(users: Users, new: NewUser) -> None:
    with pytest.raises(InvalidArgument):
        await users.create(new, GOOD)


async def test_a_password_made_of_the_name_is_refused(users: Users) -> None:
    with pytest.raises(InvalidArgument):
        await users.create(NewUser(username="bartholomew"), "Bartholomew")


async def test_the_right_password_authenticates(users: Users, alice: str) -> None:
    user = await users.authenticate("aLICE", GOOD)
    assert user is not None
    assert user.user_id == alice


@pytest.mark.parametrize(
    ("username", "password"),
    [("alice", "wrong horse"), ("bob", GOOD), ("alice", ""), ("\0", GOOD), ("\ud800", GOOD)],
)
async def test_others_do_not(users: Users, alice: str, username: str, password: str) -> None:
    assert await users.authenticate(username, password) is None


async def test_a_disabled_user_does_not_authenticate(users: Users, alice: str) -> None:
    await users.set_disabled(alice, disabled=True)
    assert await users.authenticate("alice", GOOD) is None
    await users.set_disabled(alice, disabled=False)
    assert await users.authenticate("alice", GOOD) is not None


async def test_a_log_in_stores_the_hash_with_the_parameters_of_today(
    database: Database, users: Users, alice: str
) -> None:
    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    later = Users(database, Passwords(stronger))
    assert await later.authenticate("alice", GOOD) is not None
    kept = await later._with_hash("alice")
    assert kept is not None
    assert not stronger.check_needs_rehash(kept[1])
    assert await later.authenticate("alice", GOOD) is not None


async def test_a_new_password_replaces_the_old_and_ends_sessions(
    database: Database, users: Users, alice: str
) -> None:
    sessions = Sessions(database, lifetime=timedelta(hours=1), idle=timedelta(hours=1))
    cookie, _ = await sessions.start(alice)
    await users.set_password(alice, "battery staple")
    assert await users.authenticate("alice", GOOD) is None
    assert await users.authenticate("alice", "battery staple") is not None
    assert await sessions.current(cookie) is None


@pytest.mark.parametrize("change", ["password", "disabled"])
async def test_whoever_is_cast_out_keeps_no_token_alive(
    database: Database, users: Users, alice: str, clock: HandClock, change: str
) -> None:
    new = NewGrant(
        client_id="app",
        user_id=alice,
        sid=None,
        scopes=("offline_access",),
        resources=(),
        auth_time=clock(),
        expire_time=clock() + SECOND,
    )
    grant = await database.write(lambda c: insert_grant(c, new, clock()))
    if change == "password":
        await users.set_password(alice, "battery staple")
    else:
        await users.set_disabled(alice, disabled=True)
    assert not await Grants(database, clock).access_token_is_live("jti", grant.grant_id)


async def test_to_change_nobody_is_not_found(users: Users) -> None:
    with pytest.raises(NotFound):
        await users.set_password("nobody", "battery staple")
    with pytest.raises(NotFound):
        await users.set_disabled("nobody", disabled=True)


async def test_users_are_listed_by_name(users: Users) -> None:
    for name in ("carol", "alice", "bob"):
        await users.create(NewUser(username=name), GOOD)
    assert [user.username for user in await users.list("", 2)] == ["alice", "bob"]
    assert [user.username for user in await users.list("bob", 2)] == ["carol"]


@given(st.text())
def test_to_fold_twice_is_to_fold_once(name: str) -> None:
    assert fold(fold(name)) == fold(name)

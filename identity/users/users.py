"""The people who can log in."""

import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, RowMapping, select, update

from identity.grants.grants import revoke_grants, withdraw_approvals
from identity.logout.logout_notices import end_sessions
from identity.model import User
from identity.reason import Reason
from identity.tables import device_codes, grants, sessions, users
from identity.users.passwords import Passwords, check_password
from runtime.clock import Clock, Micros, now_micros
from runtime.database import Database
from runtime.errors import AlreadyExists, FieldViolation, InvalidArgument, NotFound
from runtime.statements import insert_into

_MOST_CHARACTERS = 128
_MOST_OF_AN_EMAIL = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """A user to be. Without a name they are called by their username."""

    username: str
    name: str = ""
    email: str | None = None
    email_verified: bool = False


class Users:
    """Keeps users and knows their passwords."""

    def __init__(
        self, database: Database, passwords: Passwords, *, clock: Clock = now_micros
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock

    async def create(self, new: NewUser, password: str) -> User:
        """Add a user, with a new `sub`; AlreadyExists where the folded username is taken."""
        user = _checked(new)
        check_password(password, user.username, user.name, user.email or "")
        password_hash = await self._passwords.hash(password)
        work = partial(_insert, user=user, password_hash=password_hash, now=self._clock())
        return await self._database.write(work)

    async def get(self, user_id: str) -> User | None:
        """Return the user that a `sub` names."""
        return await self._one(users.c.user_id.name, user_id)

    async def find(self, username: str) -> User | None:
        """Return the user of a username, however it is typed."""
        return await self._one(users.c.username.name, fold(username))

    async def list(self, after: str, limit: int) -> Sequence[User]:
        """Return users in the order of their usernames."""
        return await self._database.read(partial(_list, after=after, limit=limit), snapshot=False)

    async def authenticate(self, username: str, password: str) -> User | None:
        """Return the user, if the password is theirs and they may log in.

        An unknown or disabled user takes as long as a wrong password.
        """
        found = await self._with_hash(fold(username))
        verified = await self._passwords.verify(found[1] if found else None, password)
        if found is None or not verified.is_right or found[0].disabled:
            return None
        user, stored = found
        if verified.rehashed is not None:
            work = partial(_rehash, user_id=user.user_id, old=stored, new=verified.rehashed)
            await self._database.write(work)
        return user

    async def set_password(self, user_id: str, password: str) -> None:
        """Change a password; whoever came in by the old one is out, and so are their tokens."""
        user = await self.get(user_id)
        if user is None:
            raise _not_found()
        check_password(password, user.username, user.name, user.email or "")
        password_hash = await self._passwords.hash(password)
        await self._change(user_id, {"password_hash": password_hash}, casts_out=True)

    async def set_disabled(self, user_id: str, *, disabled: bool) -> None:
        """Let a user log in or not; to disable one ends their sessions and revokes their grants."""
        await self._change(user_id, {"disabled": disabled}, casts_out=disabled)

    async def _change(self, user_id: str, values: Mapping[str, object], *, casts_out: bool) -> None:
        now = self._clock()
        work = partial(_change, user_id=user_id, values=values, casts_out=casts_out, now=now)
        if not await self._database.write(work):
            raise _not_found()

    async def _one(self, column: str, value: str) -> User | None:
        if not _is_storable(value):
            return None
        row = await self._database.read(partial(_row, column=column, value=value), snapshot=False)
        return _to_user(row) if row else None

    async def _with_hash(self, username: str) -> tuple[User, str] | None:
        if not _is_storable(username):
            return None
        work = partial(_row, column="username", value=username)
        row = await self._database.read(work, snapshot=False)
        return (_to_user(row), row["password_hash"]) if row else None


def fold(username: str) -> str:
    """Return what a username is known by: no two that look alike differ (Unicode's NFKC_Casefold).

    Folded once more, it stays the same.
    """
    decomposed = unicodedata.normalize("NFKD", username)
    folded = unicodedata.normalize("NFKD", decomposed.casefold())
    return unicodedata.normalize("NFKC", folded.casefold()).strip()


def _is_storable(value: str) -> bool:
    return 0 < len(value) <= _MOST_CHARACTERS and value.isprintable()


def _checked(new: NewUser) -> User:
    username = fold(new.username)
    violations = []
    if not _is_storable(username) or " " in username:
        rule = f"must be 1 to {_MOST_CHARACTERS} printable characters without a space"
        violations.append(FieldViolation("username", rule))
    name = new.name.strip() or username
    if not _is_storable(name):
        rule = f"must be at most {_MOST_CHARACTERS} printable characters"
        violations.append(FieldViolation("name", rule))
    if new.email is not None and not _is_email(new.email):
        violations.append(FieldViolation("email", "must be an address like a@example.com"))
    if violations:
        raise InvalidArgument(violations)
    return User(str(uuid.uuid4()), username, name, new.email, new.email_verified, disabled=False)


def _is_email(value: str) -> bool:
    local, at, domain = value.rpartition("@")
    is_clean = value.isprintable() and " " not in value
    return bool(local and at and domain) and is_clean and len(value) <= _MOST_OF_AN_EMAIL


def _insert(connection: Connection, user: User, password_hash: str, now: Micros) -> User:
    inserting = insert_into(users, connection.dialect.name).values(
        user_id=user.user_id,
        username=user.username,
        password_hash=password_hash,
        name=user.name,
        email=user.email,
        email_verified=user.email_verified,
        disabled=user.disabled,
        create_time=now,
        update_time=now,
    )
    unless_taken = inserting.on_conflict_do_nothing(index_elements=[users.c.username])
    if connection.execute(unless_taken.returning(users.c.user_id)).first() is None:
        message = f"there is a user {user.username} already"
        raise AlreadyExists(message, reason=Reason.USERNAME_TAKEN)
    return user


def _row(connection: Connection, column: str, value: str) -> RowMapping | None:
    return connection.execute(select(users).where(users.c[column] == value)).mappings().first()


def _list(connection: Connection, after: str, limit: int) -> Sequence[User]:
    page = select(users).where(users.c.username > after).order_by(users.c.username).limit(limit)
    return [_to_user(row) for row in connection.execute(page).mappings()]


def _rehash(connection: Connection, user_id: str, old: str, new: str) -> None:
    """Store the same password's new hash, unless the password was changed meanwhile."""
    is_same = (users.c.user_id == user_id) & (users.c.password_hash == old)
    connection.execute(update(users).where(is_same).values(password_hash=new))


def _change(
    connection: Connection,
    user_id: str,
    values: Mapping[str, object],
    *,
    casts_out: bool,
    now: Micros,
) -> bool:
    is_it = users.c.user_id == user_id
    changed = connection.execute(update(users).where(is_it).values(**values, update_time=now))
    if casts_out:
        end_sessions(connection, sessions.c.user_id == user_id, now)
        withdraw_approvals(connection, device_codes.c.user_id == user_id)
        revoke_grants(connection, grants.c.user_id == user_id, now)
    return changed.rowcount == 1


def _to_user(row: RowMapping) -> User:
    return User(
        row["user_id"],
        row["username"],
        row["name"],
        row["email"],
        row["email_verified"],
        row["disabled"],
    )


def _not_found() -> NotFound:
    return NotFound("there is no such user", reason=Reason.USER_NOT_FOUND)

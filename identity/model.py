"""What the identity server speaks of. Times are microseconds since 1970 UTC."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class User:
    """A person who can log in. `user_id` is the `sub` of their tokens."""

    user_id: str
    username: str
    name: str
    email: str | None
    email_verified: bool
    disabled: bool


@dataclass(frozen=True, slots=True)
class Session:
    """A browser in which a user has logged in. `sid` names it in ID tokens and logout tokens."""

    sid: str
    user_id: str
    auth_time: int
    expire_time: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What a user has allowed a client: the family of every code and token issued upon it."""

    grant_id: str
    client_id: str
    user_id: str
    sid: str | None
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    auth_time: int
    dpop_jkt: str | None
    expire_time: int
    revoked: bool

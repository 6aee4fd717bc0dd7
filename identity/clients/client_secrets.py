"""The secrets of clients: several at a time, so that they can be changed without a gap."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from identity.reason import Reason
from identity.secrets import digest, same
from identity.tables import client_secrets
from runtime.clock import Micros
from runtime.errors import FailedPrecondition

# So that nobody's deployment fills the table with a secret at each start.
MOST_SECRETS = 10
# Generated ones have 43 characters. A file of the operator's may hold another of that strength.
LEAST_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Secret:
    """What is kept of a secret."""

    digest: bytes
    create_time: Micros
    expire_time: Micros | None

    @property
    def secret_id(self) -> str:
        """Name it in lists; of 256 random bits, 48 of the digest say nothing."""
        return self.digest.hex()[:12]

    def matches(self, secret: str, now: Micros) -> bool:
        """Whether it is this secret, and still good; in a time that does not tell how nearly."""
        matches = same(self.digest, digest(secret))
        return matches and (self.expire_time is None or now < self.expire_time)


def read_secrets(connection: Connection, client_id: str) -> list[Secret]:
    """Return a client's secrets, oldest first, expired ones too."""
    rows = connection.execute(
        select(client_secrets.c.digest, client_secrets.c.create_time, client_secrets.c.expire_time)
        .where(client_secrets.c.client_id == client_id)
        .order_by(client_secrets.c.create_time, client_secrets.c.digest)
    )
    return [Secret(*row) for row in rows]


def has_secret(connection: Connection, client_id: str, secret: str) -> bool:
    """Whether a client has a secret, be it expired."""
    found = select(client_secrets.c.digest).where(
        client_secrets.c.client_id == client_id, client_secrets.c.digest == digest(secret)
    )
    return connection.scalar(found) is not None


def add_secret(
    connection: Connection, client_id: str, secret: str, now: Micros, expire_time: Micros | None
) -> None:
    """Keep a secret's digest, and drop the expired; FailedPrecondition where there are too many."""
    owned = client_secrets.c.client_id == client_id
    connection.execute(delete(client_secrets).where(owned, client_secrets.c.expire_time <= now))
    if (connection.scalar(select(func.count()).where(owned)) or 0) >= MOST_SECRETS:
        raise FailedPrecondition(
            f"{client_id}: has {MOST_SECRETS} secrets; remove one with: client secret remove",
            reason=Reason.TOO_MANY_SECRETS,
        )
    values = {
        "client_id": client_id,
        "digest": digest(secret),
        "create_time": now,
        "expire_time": expire_time,
    }
    connection.execute(insert(client_secrets).values(values))


def expire_secrets(connection: Connection, client_id: str, expire_time: Micros) -> int:
    """Let all secrets that live longer expire at that time; return how many."""
    lives_longer = or_(
        client_secrets.c.expire_time.is_(None), client_secrets.c.expire_time > expire_time
    )
    return connection.execute(
        update(client_secrets)
        .where(client_secrets.c.client_id == client_id, lives_longer)
        .values(expire_time=expire_time)
    ).rowcount


def remove_secret(connection: Connection, client_id: str, stored: bytes) -> bool:
    """Delete a secret by its digest; False where it is not there."""
    return (
        connection.execute(
            delete(client_secrets).where(
                client_secrets.c.client_id == client_id, client_secrets.c.digest == stored
            )
        ).rowcount
        == 1
    )

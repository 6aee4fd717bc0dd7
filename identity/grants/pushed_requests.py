"""Authorization requests pushed ahead by their clients (RFC 9126)."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from identity.secrets import digest, new_secret
from identity.tables import pushed_requests
from runtime.clock import SECOND, Clock, now_micros
from runtime.database import Database

PREFIX = "urn:ietf:params:oauth:request_uri:"

# From the push to the user's last click: they may have to log in and to read.
LIFETIME_SECONDS = 600


class PushedRequests:
    """One store for all replicas."""

    def __init__(self, database: Database, clock: Clock = now_micros) -> None:
        self._database = database
        self._clock = clock

    async def push(self, client_id: str, parameters: Sequence[tuple[str, str]]) -> str:
        """Keep a request; return its `request_uri`."""
        secret = new_secret()
        row = {
            "digest": digest(secret),
            "client_id": client_id,
            "parameters": json.dumps(parameters),
            "expire_time": self._clock() + LIFETIME_SECONDS * SECOND,
        }
        keep = insert(pushed_requests).values(row)
        await self._database.write(lambda c: c.execute(keep).rowcount)
        return PREFIX + secret

    async def find(self, request_uri: str, client_id: str) -> list[tuple[str, str]] | None:
        """Return the request that a client pushed, while it may be used."""
        query = select(pushed_requests.c.parameters).where(
            pushed_requests.c.digest == _digest(request_uri),
            pushed_requests.c.client_id == client_id,
            pushed_requests.c.expire_time > self._clock(),
        )
        kept = await self._database.read(lambda c: c.scalar(query), snapshot=False)
        return None if kept is None else [(name, value) for name, value in json.loads(kept)]

    async def use_up(self, request_uri: str) -> bool:
        """Forget a request that was answered; return False where it already was."""
        return await self._database.write(lambda c: use_up(c, request_uri))


def use_up(connection: Connection, request_uri: str) -> bool:
    """Forget a request, within a transaction."""
    gone = delete(pushed_requests).where(pushed_requests.c.digest == _digest(request_uri))
    return connection.execute(gone).rowcount == 1


def _digest(request_uri: str) -> bytes:
    return digest(request_uri.removeprefix(PREFIX))

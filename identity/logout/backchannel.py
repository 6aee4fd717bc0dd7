"""Tells clients that a session has ended (OpenID Connect Back-Channel Logout 1.0)."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from identity.audit import Outcome, audit
from identity.clients.client import Client
from identity.clients.clients import Clients
from identity.keys.tokens import Tokens
from identity.logout.logout_notices import LogoutNotices, Notice
from identity.logout.outgoing import Outgoing
from identity.settings import is_loopback
from runtime.errors import Transient
from runtime.logs import get_logger

_log = get_logger(__name__)
# Notices to one client at a time.
_OF_ONE_CLIENT = 4
# Clients that are told at a time.
_CLIENTS = 64
_POLL = timedelta(seconds=5)
_FIRST_RETRY = timedelta(seconds=5)
_LONGEST_RETRY = timedelta(hours=1)


class Backchannel:
    """Sends notices until each client has heard, each replica taking its share.

    Each client has a delivery of its own, so that one that does not answer delays no other. Only
    the URI that is registered for a client is asked.
    """

    def __init__(
        self, notices: LogoutNotices, clients: Clients, tokens: Tokens, http: Outgoing
    ) -> None:
        self._notices = notices
        self._clients = clients
        self._tokens = tokens
        self._http = http
        self._awake = asyncio.Event()
        self._in_delivery: set[str] = set()

    def wake(self) -> None:
        """Look at once: there is something to tell."""
        self._awake.set()

    async def run_for_ever(self) -> None:
        """Tell what is due, whenever there is something."""
        async with asyncio.TaskGroup() as deliveries:
            while True:
                self._awake.clear()
                try:
                    for client_id in await self._clients_to_tell():
                        deliveries.create_task(self._deliver_and_look_again(client_id))
                except Transient as error:
                    _log.warning("logout notices wait", reason=str(error))
                try:
                    async with asyncio.timeout(_POLL.total_seconds()):
                        await self._awake.wait()
                except TimeoutError:
                    continue

    async def tell_due(self) -> int:
        """Try once what is due now; return how many there were."""
        async with asyncio.TaskGroup() as group:
            deliveries = [
                group.create_task(self._deliver(client_id))
                for client_id in await self._clients_to_tell()
            ]
        return sum(delivery.result() for delivery in deliveries)

    async def _clients_to_tell(self) -> Sequence[str]:
        """Return the clients with something due, and mark them as in delivery."""
        room = _CLIENTS - len(self._in_delivery)
        due = await self._notices.due_clients(self._in_delivery, room)
        # A second look may have run meanwhile.
        found = [client_id for client_id in due if client_id not in self._in_delivery]
        self._in_delivery.update(found)
        return found

    async def _deliver_and_look_again(self, client_id: str) -> None:
        try:
            await self._deliver(client_id)
        except* Transient as errors:
            _log.warning("logout notices wait", reason=str(errors.exceptions[0]))
        else:
            # For clients that had to wait, and for notices that came at the last moment.
            self.wake()

    async def _deliver(self, client_id: str) -> int:
        """Try what is due for one client, a few at a time; return how many were tried.

        Where a whole round fails, the rest waits as well: the client is away.
        """
        tried = 0
        try:
            while claimed := await self._notices.claim(client_id, _OF_ONE_CLIENT):
                tried += len(claimed)
                async with asyncio.TaskGroup() as group:
                    tries = [group.create_task(self._tell(notice)) for notice in claimed]
                if not any(each.result() for each in tries):
                    delay = retry_delay(min(notice.attempts for notice in claimed))
                    await self._notices.postpone_due(client_id, delay)
        finally:
            self._in_delivery.discard(client_id)
        return tried

    async def _tell(self, notice: Notice) -> bool:
        """Try once; return whether nothing is left to do."""
        client = await self._clients.get(notice.client_id)
        if client is None or client.backchannel_logout_uri is None:
            await self._notices.done(notice)
            return True
        failure = await self._failure(client, client.backchannel_logout_uri, notice)
        audit(
            "logout.notify",
            Outcome.FAILURE if failure else Outcome.SUCCESS,
            client_id=notice.client_id,
            sid=notice.sid,
            reason=failure,
            attempt=notice.attempts,
        )
        if failure is None:
            await self._notices.done(notice)
        else:
            await self._notices.postpone(notice, retry_delay(notice.attempts))
        return failure is None

    async def _failure(self, client: Client, uri: str, notice: Notice) -> str | None:
        """Send a logout token; return why it did not arrive, None when it did."""
        if not may_be_asked(uri):
            return "uri"
        token = self._tokens.logout_token(client=client, user_id=notice.user_id, sid=notice.sid)
        return await self._http.post(uri, {"logout_token": token})


def retry_delay(attempts: int) -> timedelta:
    """Return how long to wait after so many failures: twice as long each time, up to an hour."""
    return min(_FIRST_RETRY * (1 << min(attempts - 1, 20)), _LONGEST_RETRY)


def may_be_asked(uri: str) -> bool:
    """Whether it is https, or in development a program of this machine."""
    parts = urlsplit(uri)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))

"""Tells clients that a session has ended (OpenID Connect Back-Channel Logout 1.0)."""

import asyncio
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
_AT_ONCE = 16
_POLL = timedelta(seconds=5)
_FIRST_RETRY = timedelta(seconds=5)
_LONGEST_RETRY = timedelta(hours=1)


class Backchannel:
    """Sends what is noted until each client has heard, each replica of us taking its share.

    Only the URI that is registered for a client is asked.
    """

    def __init__(
        self, notices: LogoutNotices, clients: Clients, tokens: Tokens, http: Outgoing
    ) -> None:
        self._notices = notices
        self._clients = clients
        self._tokens = tokens
        self._http = http
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """Look at once: there is something to tell."""
        self._awake.set()

    async def run_for_ever(self) -> None:
        """Tell what is due, whenever there is something."""
        while True:
            self._awake.clear()
            try:
                while await self.tell_due():
                    pass
            except* Transient as errors:
                _log.warning("logout notices wait", reason=str(errors.exceptions[0]))
            try:
                async with asyncio.timeout(_POLL.total_seconds()):
                    await self._awake.wait()
            except TimeoutError:
                continue

    async def tell_due(self) -> int:
        """Try once what is due now; return how many there were."""
        claimed = await self._notices.claim(_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for notice in claimed:
                group.create_task(self._tell(notice))
        return len(claimed)

    async def _tell(self, notice: Notice) -> None:
        client = await self._clients.get(notice.client_id)
        if client is None or client.backchannel_logout_uri is None:
            await self._notices.done(notice)
            return
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

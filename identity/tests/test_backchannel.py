import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from structlog.testing import capture_logs

from identity.clients.client import parse_client
from identity.logout import backchannel
from identity.logout.backchannel import Backchannel, may_be_asked, retry_delay
from identity.logout.outgoing import Outgoing
from identity.tests.browsing import ISSUER, Browser
from identity.tests.shop import CALLBACK, Shop, request
from runtime.testing.waiting import PATIENCE, PATIENCE_SECONDS, eventually

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Receiver:
    """A client's back-channel, which answers as a test says and keeps what it was sent."""

    def __init__(self) -> None:
        self.answer: bytes | None = OK
        self.endless = False
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.uri = ""
        self.at_once = self.most_at_once = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self._serve(reader, writer)
        finally:
            self.at_once -= 1

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
        body = parse_qs((await reader.readexactly(length)).decode())
        self.requests.append((head, {name: values[0] for name, values in body.items()}))
        try:
            if self.answer is None:
                await reader.read()  # Until the other side gives up.
                return
            writer.write(self.answer)
            while self.endless:
                writer.write(b"x" * 65536)
                await writer.drain()
            await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    @property
    def tokens(self) -> list[dict[str, Any]]:
        """The claims of the logout tokens that came."""
        return [
            jwt.decode(form["logout_token"], options={"verify_signature": False})
            for _, form in self.requests
        ]


@asynccontextmanager
async def listening() -> AsyncIterator[Receiver]:
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.uri = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/logout"
    yield made
    server.close()


@pytest.fixture
async def receiver(shop: Shop) -> AsyncIterator[Receiver]:
    """Of the client `web`."""
    async with listening() as made:
        await register(shop, "web", made.uri)
        yield made


async def register(shop: Shop, client_id: str, uri: str | None) -> None:
    metadata = {
        "client_id": client_id,
        "grant_types": ["authorization_code"],
        "redirect_uris": [CALLBACK],
        "scope": "openid orders",
        "backchannel_logout_uri": uri,
    }
    await shop.parts.base.clients.put(parse_client(metadata), source="admin")


async def used(shop: Shop, *clients: str) -> Browser:
    """Return a browser in which Alice uses clients."""
    browser = await shop.logged_in()
    for client in clients:
        await browser.open("/authorize", **request(client))
        assert browser.page is not None
        page = browser.page if "code" in browser.page.query else await browser.submit("Allow")
        await shop.redeem(page, client)
    return browser


async def log_out(browser: Browser) -> None:
    await browser.open("/logout")
    assert (await browser.submit("Log out")).title == "Logged out"


async def test_a_client_that_was_used_is_told(shop: Shop, receiver: Receiver) -> None:
    browser = await used(shop, "web")
    session = await shop.pages.sessions.current(browser.cookie("__Host-bodega"))
    assert session is not None
    await log_out(browser)
    with capture_logs() as logs:
        assert await shop.pages.backchannel.tell_due() == 1
    ((head, form),) = receiver.requests
    assert head.startswith("POST /logout HTTP/1.1\r\n")
    (claims,) = receiver.tokens
    assert claims["events"] == {EVENT: {}}
    assert (claims["iss"], claims["aud"]) == (ISSUER, "web")
    assert (claims["sid"], claims["sub"]) == (session.sid, shop.alice.user_id)
    assert "nonce" not in claims
    assert jwt.get_unverified_header(form["logout_token"])["typ"] == "logout+jwt"
    assert [(log["event"], log["outcome"]) for log in logs] == [("logout.notify", "success")]
    assert form["logout_token"] not in str(logs)
    assert await shop.pages.backchannel.tell_due() == 0


async def test_a_client_without_a_backchannel_is_forgotten(shop: Shop) -> None:
    browser = await used(shop, "web")
    await log_out(browser)
    assert await shop.pages.backchannel.tell_due() == 1
    assert await shop.pages.backchannel.tell_due() == 0


async def test_a_client_that_was_not_used_is_not_told(shop: Shop, receiver: Receiver) -> None:
    await log_out(await used(shop, "other"))
    assert await shop.pages.backchannel.tell_due() == 1
    assert receiver.requests == []


async def test_who_loses_their_sessions_otherwise_is_told_of_too(
    shop: Shop, receiver: Receiver
) -> None:
    await used(shop, "web")
    await shop.parts.users.set_disabled(shop.alice.user_id, disabled=True)
    await shop.pages.backchannel.tell_due()
    assert [claims["sub"] for claims in receiver.tokens] == [shop.alice.user_id]


async def test_a_failure_is_tried_again_later_and_later(shop: Shop, receiver: Receiver) -> None:
    await log_out(await used(shop, "web"))
    receiver.answer = FAILED
    for attempt in (1, 2, 3):
        with capture_logs() as logs:
            assert await shop.pages.backchannel.tell_due() == 1
        assert (logs[0]["outcome"], logs[0]["reason"]) == ("failure", "status 500")
        shop.clock.advance(retry_delay(attempt) - timedelta(microseconds=1))
        assert await shop.pages.backchannel.tell_due() == 0
        shop.clock.advance(timedelta(microseconds=1))
    receiver.answer = OK
    assert await shop.pages.backchannel.tell_due() == 1
    assert len({claims["jti"] for claims in receiver.tokens}) == 4
    shop.clock.advance(timedelta(hours=2))
    assert await shop.pages.backchannel.tell_due() == 0


def test_the_wait_doubles_up_to_an_hour() -> None:
    seconds = [retry_delay(attempt).total_seconds() for attempt in (1, 2, 3, 4, 12, 1000)]
    assert seconds == [5, 10, 20, 40, 3600, 3600]


@contextmanager
def away() -> Iterator[str]:
    """Hold an address at which nobody listens, nor can anybody else."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/logout"


async def test_a_client_that_is_away_is_given_up_after_a_day(shop: Shop) -> None:
    with away() as uri:
        await register(shop, "web", uri)
        await log_out(await used(shop, "web"))
        with capture_logs() as logs:
            assert await shop.pages.backchannel.tell_due() == 1
    assert logs[0]["reason"] == "unreachable"
    shop.clock.advance(timedelta(hours=24))
    assert await shop.pages.backchannel.tell_due() == 0
    assert await shop.pages.notices.purge(10) == 1
    assert await shop.pages.notices.purge(10) == 0


async def test_a_redirection_is_not_followed(shop: Shop, receiver: Receiver) -> None:
    await log_out(await used(shop, "web"))
    async with listening() as inner:
        receiver.answer = (
            f"HTTP/1.1 307 Go\r\nLocation: {inner.uri}\r\nContent-Length: 0\r\n\r\n".encode()
        )
        with capture_logs() as logs:
            await shop.pages.backchannel.tell_due()
        assert inner.requests == []
    assert logs[0]["reason"] == "status 307"


async def test_an_answer_without_end_is_not_read(shop: Shop, receiver: Receiver) -> None:
    await log_out(await used(shop, "web"))
    receiver.answer, receiver.endless = b"HTTP/1.1 200 OK\r\n\r\n", True
    with capture_logs() as logs:
        await shop.pages.backchannel.tell_due()
    assert logs[0]["outcome"] == "success"


async def test_a_client_that_does_not_answer_is_left(shop: Shop, receiver: Receiver) -> None:
    await log_out(await used(shop, "web"))
    receiver.answer = None
    async with Outgoing(patience=timedelta(milliseconds=50)) as http:
        impatient = Backchannel(
            shop.pages.notices, shop.parts.base.clients, shop.parts.tokens, http
        )
        with capture_logs() as logs:
            await impatient.tell_due()
    assert logs[0]["reason"] == "timeout"


async def test_what_a_replica_dropped_another_takes_up(shop: Shop, receiver: Receiver) -> None:
    await log_out(await used(shop, "web"))
    (dropped,) = await shop.pages.notices.claim("web", 1)
    assert await shop.pages.backchannel.tell_due() == 0
    shop.clock.advance(timedelta(seconds=60))
    assert await shop.pages.backchannel.tell_due() == 1
    assert len(receiver.requests) == 1
    await shop.pages.notices.postpone(dropped, timedelta(0))  # It comes back, too late.
    assert await shop.pages.backchannel.tell_due() == 0


async def test_replicas_share_what_is_to_be_told(shop: Shop, receiver: Receiver) -> None:
    for _ in range(8):
        await log_out(await used(shop, "web"))
    async with Outgoing() as http:
        other = Backchannel(shop.pages.notices, shop.parts.base.clients, shop.parts.tokens, http)
        told = await asyncio.gather(
            *(each.tell_due() for each in (shop.pages.backchannel, other) for _ in range(3))
        )
    assert sum(told) == 8
    assert len({claims["sid"] for claims in receiver.tokens}) == len(receiver.requests) == 8


async def test_a_client_that_never_answers_delays_no_other(shop: Shop, receiver: Receiver) -> None:
    receiver.answer = None
    async with listening() as healthy, Outgoing(patience=PATIENCE) as http:
        await register(shop, "other", healthy.uri)
        # One browser each: a second log-in of a browser ends its first session.
        silent = [await used(shop, "web") for _ in range(12)]
        for browser in silent:
            await log_out(browser)
        backchannel = Backchannel(
            shop.pages.notices, shop.parts.base.clients, shop.parts.tokens, http
        )
        running = asyncio.create_task(backchannel.run_for_ever())
        await eventually(lambda: receiver.at_once == 4)
        browser = await used(shop, "other")
        await log_out(browser)
        backchannel.wake()
        await eventually(lambda: len(healthy.requests) == 1)
        assert receiver.most_at_once == len(receiver.requests) == 4
        running.cancel()


async def test_a_client_that_is_away_is_asked_only_a_few_times(
    shop: Shop, receiver: Receiver
) -> None:
    receiver.answer = FAILED
    for _ in range(6):
        await log_out(await used(shop, "web"))
    assert await shop.pages.backchannel.tell_due() == 4
    assert await shop.pages.backchannel.tell_due() == 0
    receiver.answer = OK
    shop.clock.advance(retry_delay(1))
    assert await shop.pages.backchannel.tell_due() == 6
    shop.clock.advance(timedelta(hours=2))
    assert await shop.pages.backchannel.tell_due() == 0


async def test_two_replicas_at_once_tell_a_client_once_of_each_session(
    shop: Shop, receiver: Receiver
) -> None:
    async with Outgoing() as http:
        replicas = [
            Backchannel(shop.pages.notices, shop.parts.base.clients, shop.parts.tokens, http)
            for _ in range(2)
        ]
        running = [asyncio.create_task(replica.run_for_ever()) for replica in replicas]
        for _ in range(8):
            await log_out(await used(shop, "web"))
            for replica in replicas:
                replica.wake()
        await eventually(lambda: len(receiver.requests) >= 8)
        for task in running:
            task.cancel()
    assert len({claims["sid"] for claims in receiver.tokens}) == len(receiver.requests) == 8


async def test_a_log_out_wakes_it_at_once(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backchannel, "_POLL", timedelta(hours=1))
    browser = await used(shop, "web")
    running = asyncio.create_task(shop.pages.backchannel.run_for_ever())
    async with asyncio.timeout(PATIENCE_SECONDS):  # By itself it would look in an hour.
        await log_out(browser)
        while not receiver.requests:
            await shop.http.get("/login")
    running.cancel()


@pytest.mark.parametrize(
    ("uri", "may_be"),
    [
        ("https://web.example.com/logout", True),
        ("http://127.0.0.1:8000/logout", True),
        ("http://localhost/logout", True),
        ("http://web.example.com/logout", False),
        ("http://169.254.169.254/", False),
        ("file:///etc/passwd", False),
        ("gopher://127.0.0.1/", False),
    ],
)
def test_only_https_is_asked_or_this_machine(uri: str, may_be: bool) -> None:
    assert may_be_asked(uri) is may_be

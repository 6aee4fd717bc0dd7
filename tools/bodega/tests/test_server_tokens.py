"""Refreshing: by one process at a time, because a refresh token is good once."""

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from runtime.auth.issuer import Issuer
from runtime.errors import Unavailable
from tools.bodega.failure import Exit, Failure
from tools.bodega.login.login_file import LoginFile
from tools.bodega.login.oauth import OAuth
from tools.bodega.login.server_tokens import ServerTokens, UserTokens
from tools.bodega.session import CART, PRODUCT
from tools.bodega.tests.identity_server import Identity
from tools.bodega.tests.logins import log_in
from tools.bodega.tests.terminal import Terminal, ended


def refreshes(logs: list[dict[str, object]]) -> int:
    return sum(log["event"] == "token.refresh" for log in logs)


@pytest.fixture
async def file(terminal: Terminal, identity: Identity) -> LoginFile:
    await log_in(identity, terminal.state)
    return LoginFile(terminal.state, "default")


def tokens_of(identity: Identity, file: LoginFile, resource: str = CART) -> ServerTokens:
    return ServerTokens(UserTokens(OAuth(Issuer(identity.url)), file, resource))


async def test_of_many_processes_one_refreshes(alice: Terminal) -> None:
    with capture_logs() as logs:
        processes = [await alice.start("whoami", "--json") for _ in range(4)]
        results = await asyncio.gather(*map(ended, processes))
    assert [each.code for each in results] == [Exit.DONE] * 4, results
    assert refreshes(logs) == 1  # type: ignore[arg-type]


async def test_who_waited_for_the_lock_takes_what_the_other_fetched(
    identity: Identity, file: LoginFile
) -> None:
    with capture_logs() as logs:
        tokens = await asyncio.gather(*(tokens_of(identity, file).token() for _ in range(8)))
    assert len(set(tokens)) == 1
    assert refreshes(logs) == 1  # type: ignore[arg-type]


async def test_a_token_is_kept_until_it_is_about_to_end(
    identity: Identity, file: LoginFile
) -> None:
    now = [time.time()]
    tokens = ServerTokens(UserTokens(OAuth(Issuer(identity.url)), file, CART), lambda: now[0])
    first = await tokens.current()
    now[0] = first.end - 11
    assert tokens.ready() == first.token
    now[0] = first.end - 10
    assert tokens.ready() is None
    assert await tokens.token() != first.token


async def test_a_token_that_a_server_refused_is_replaced_once(
    identity: Identity, file: LoginFile
) -> None:
    now = [time.time()]
    tokens = ServerTokens(UserTokens(OAuth(Issuer(identity.url)), file, CART), lambda: now[0])
    first = await tokens.current()
    now[0] = first.made
    assert not tokens.drop(first.token)
    now[0] = first.made + 1
    assert tokens.drop(first.token)
    second = await tokens.current()
    assert second.token != first.token
    now[0] = second.made
    assert not tokens.drop(second.token)


async def test_what_the_log_in_is_not_for_is_refused(identity: Identity, file: LoginFile) -> None:
    with pytest.raises(Failure, match="alice may not do that") as refused:
        await tokens_of(identity, file, PRODUCT).token()
    assert "--client-id operator" in refused.value.hint
    assert await tokens_of(identity, file).token()


async def test_while_the_issuer_is_away_the_log_in_stays(
    identity: Identity, file: LoginFile
) -> None:
    tokens = ServerTokens(UserTokens(OAuth(Issuer("http://127.0.0.1:1")), file, CART))
    before = file.read()
    with pytest.raises(Unavailable, match=r"no token: http://127\.0\.0\.1:1"):
        await tokens.token()
    assert file.read() == before
    assert await tokens_of(identity, file).token()


async def test_without_a_log_in_there_is_no_token(identity: Identity, file: LoginFile) -> None:
    file.delete()
    with pytest.raises(Failure, match="you are not logged in"):
        await tokens_of(identity, file).token()


async def test_a_log_in_is_shown_without_its_tokens(identity: Identity, file: LoginFile) -> None:
    token = await tokens_of(identity, file).token()
    login = file.read()
    assert login is not None
    assert login.refresh_token is not None
    assert token not in repr(login)
    assert login.refresh_token not in repr(login)

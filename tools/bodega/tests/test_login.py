import asyncio
import json
import stat

import pytest

from runtime.auth.issuer import Issuer
from tools.bodega.failure import Exit
from tools.bodega.login.login_file import LoginFile
from tools.bodega.login.oauth import OAuth, OAuthError
from tools.bodega.session import CART
from tools.bodega.tests.browser import Browser
from tools.bodega.tests.identity_server import Identity
from tools.bodega.tests.logins import log_in
from tools.bodega.tests.terminal import Terminal, ended


@pytest.mark.parametrize(
    ("decision", "code", "said"),
    [("Allow", Exit.DONE, "Logged in as alice."), ("Deny", Exit.NOT_LOGGED_IN, "denied")],
)
async def test_a_user_logs_in_at_the_real_pages(
    terminal: Terminal, browser: Browser, decision: str, code: Exit, said: str
) -> None:
    process = await terminal.start("login")
    assert process.stdout is not None
    async with asyncio.timeout(120):
        words = [(await process.stdout.readline()).decode().split() for _ in range(3)]
    assert [each[:-1] for each in words] == [["Open"], ["Code"], ["Or", "open"]]
    uri, user_code, complete = (each[-1] for each in words)
    assert complete == f"{uri}?user_code={user_code}"
    await browser.decide(uri, user_code, decision)
    result = await ended(process)
    assert result.code == code
    assert said in result.out + result.err
    who = await terminal("whoami", "--json")
    assert who.code == (Exit.DONE if decision == "Allow" else Exit.NOT_LOGGED_IN)


async def test_a_program_reads_the_code_as_an_event(terminal: Terminal, browser: Browser) -> None:
    process = await terminal.start("login", "--json")
    assert process.stdout is not None
    event = json.loads(await process.stdout.readline())
    assert event["expires_in"] == 600
    await browser.decide(event["verification_uri"], event["user_code"], "Allow")
    result = await ended(process)
    assert (result.json["name"], result.err) == ("alice", "")


async def test_a_log_in_is_for_its_owners_eyes(alice: Terminal) -> None:
    await alice.fine("whoami")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in alice.state.iterdir()}
    assert modes == {"default.json": 0o600, "default.lock": 0o600}
    assert stat.S_IMODE(alice.state.stat().st_mode) == 0o700


async def test_a_log_in_that_others_may_read_is_refused(alice: Terminal) -> None:
    file = alice.state / "default.json"
    file.chmod(0o640)
    said = await alice("whoami")
    assert said.code == Exit.REFUSED
    assert "others may read your tokens" in said.err
    assert f"chmod 600 {file}" in said.err


async def test_a_damaged_log_in_is_named(alice: Terminal) -> None:
    (alice.state / "default.json").write_text("{")
    said = await alice("whoami")
    assert said.code == Exit.REFUSED
    assert "default.json: this is no log-in" in said.err


async def test_who_is_logged_in(alice: Terminal, identity: Identity) -> None:
    who = (await alice.fine("whoami", "--json")).json
    assert who["name"] == "alice"
    assert who["claims"]["sub"] == identity.user.user_id
    assert who["issuer"] == identity.url
    text = (await alice.fine("whoami")).out
    assert "Name     alice" in text


async def test_nobody_is_logged_in(terminal: Terminal) -> None:
    said = await terminal("whoami")
    assert (said.code, said.out) == (Exit.NOT_LOGGED_IN, "")
    assert "you are not logged in" in said.err
    assert "bodega login" in said.err
    said = await terminal("whoami", "--json")
    assert said.error["error"] == "NOT_LOGGED_IN"


async def test_a_log_in_keeps_to_its_issuer(alice: Terminal, identity: Identity) -> None:
    said = await alice.at("--issuer", "http://127.0.0.1:1")("whoami")
    assert said.code == Exit.NOT_LOGGED_IN
    assert f"you are logged in at {identity.url}" in said.err
    assert "Name" in (await Terminal(alice._capsys, alice.state).fine("whoami")).out


async def test_a_log_out_revokes_the_refresh_token(alice: Terminal, identity: Identity) -> None:
    login = LoginFile(alice.state, "default").read()
    assert login is not None
    assert "alice is logged out" in (await alice.fine("logout")).out
    assert not (alice.state / "default.json").exists()
    assert login.refresh_token is not None
    with pytest.raises(OAuthError, match="invalid_grant"):
        await OAuth(Issuer(identity.url)).refresh(login.client_id, login.refresh_token, CART)
    assert "You were not logged in" in (await alice.fine("logout")).out


async def test_a_revoked_log_in_says_what_to_do(alice: Terminal, identity: Identity) -> None:
    await identity.parts.grants.revoke_user(identity.user.user_id)
    said = await alice("whoami")
    assert said.code == Exit.NOT_LOGGED_IN
    assert f"your log-in at {identity.url} is over" in said.err
    assert "Log in again: bodega login" in said.err


async def test_a_token_that_is_good_by_our_clock_and_revoked_is_seen(
    alice: Terminal, identity: Identity
) -> None:
    await alice.fine("whoami")
    file = LoginFile(alice.state, "default")
    login = file.read()
    assert login is not None
    old = {key: token.model_copy(update={"made": 0}) for key, token in login.access_tokens.items()}
    file.write(login.model_copy(update={"access_tokens": old}))
    await identity.parts.grants.revoke_user(identity.user.user_id)
    said = await alice("whoami")
    assert said.code == Exit.NOT_LOGGED_IN
    assert "is over" in said.err


async def test_a_new_log_in_ends_the_one_before(
    terminal: Terminal, identity: Identity, browser: Browser
) -> None:
    before = await log_in(identity, terminal.state)
    process = await terminal.start("login", "--json")
    assert process.stdout is not None
    event = json.loads(await process.stdout.readline())
    await browser.decide(event["verification_uri"], event["user_code"], "Allow")
    assert (await ended(process)).code == Exit.DONE
    assert before.refresh_token is not None
    with pytest.raises(OAuthError, match="invalid_grant"):
        await OAuth(Issuer(identity.url)).refresh(before.client_id, before.refresh_token, CART)


async def test_an_operator_logs_in_with_a_secret(terminal: Terminal, identity: Identity) -> None:
    secret = identity.secret_file("operator")
    argv = ("login", "--client-id", "operator", "--secret-file")
    await terminal.fine(*argv, str(secret))
    who = (await terminal.fine("whoami", "--json")).json
    assert who["name"] == "operator"
    assert "catalog.write" in who["scope"].split()
    assert secret.read_text().strip() not in (terminal.state / "default.json").read_text()
    assert "operator is logged out" in (await terminal.fine("logout")).out


async def test_a_wrong_secret_names_its_flags(terminal: Terminal, identity: Identity) -> None:
    secret = str(identity.secret_file("operator"))
    said = await terminal("login", "--client-id", "worker", "--secret-file", secret)
    assert said.code == Exit.NOT_LOGGED_IN
    assert "knows no client worker" in said.err
    said = await terminal("login", "--client-id", "operator")
    assert said.code == Exit.NOT_LOGGED_IN
    assert "--secret-file" in said.err
    assert "clients/operator.secret: no such file" in said.err


async def test_an_issuer_that_is_away_is_named(terminal: Terminal) -> None:
    said = await terminal.at("--issuer", "http://127.0.0.1:1")("login")
    assert said.code == Exit.AWAY
    assert "http://127.0.0.1:1" in said.err
    assert "Is the identity server running?" in said.err

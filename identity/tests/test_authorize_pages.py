import json
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from structlog.testing import capture_logs

from identity.tests.browsing import ISSUER, Browser, Page
from identity.tests.shop import CALLBACK, LOOPBACK, Shop, request
from identity.web.marks import PARAMETER

SESSION = "__Host-bodega"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Of SQLite alone: the stores, and the pages of devices and log-outs, are tested on both."""
    return sqlite_url


async def ask(browser: Browser, client: str = "web", **parameters: str) -> Page:
    return await browser.open("/authorize", **request(client, **parameters))


def mark_of(browser: Browser) -> str:
    """Return the mark that the browser was sent to /authorize with."""
    return parse_qs(urlsplit(browser.visited[-1]).query)[PARAMETER][0]


async def allowed(shop: Shop, client: str = "web", **parameters: str) -> Browser:
    """Return a browser in which Alice has allowed a client what it asked for."""
    browser = await shop.logged_in()
    await ask(browser, client, **parameters)
    page = await browser.submit("Allow")
    assert "code" in page.query
    return browser


async def test_login_consent_and_code(shop: Shop) -> None:
    browser = shop.browser()
    page = await ask(browser, scope="openid orders")
    assert page.title == "Log in"
    page = await browser.log_in()
    assert page.title == "Allow The <Web> & Co?"
    assert "Read your orders" in page.markup.text
    page = await browser.submit("Allow")
    assert page.url.startswith(f"{CALLBACK}?")
    assert page.query["state"] == "the-state"
    assert page.query["iss"] == ISSUER
    tokens = await shop.redeem(page)
    assert set(tokens["scope"].split()) == {"openid", "orders"}


async def test_a_post_to_authorize_is_the_same_by_get(shop: Shop) -> None:
    browser = await shop.logged_in()
    answer = await shop.http.post("/authorize", data=request())
    assert answer.status_code == 303
    page = await browser.open(answer.headers["location"])
    assert page.title.startswith("Allow")


async def test_denied(shop: Shop) -> None:
    browser = await shop.logged_in()
    await ask(browser)
    page = await browser.submit("Deny")
    assert page.url.startswith(f"{CALLBACK}?")
    assert page.query["error"] == "access_denied"
    assert page.query["state"] == "the-state"
    assert (await ask(browser)).title.startswith("Allow")


async def test_what_was_allowed_is_not_asked_again(shop: Shop) -> None:
    browser = await allowed(shop)
    assert "code" in (await ask(browser)).query
    page = await ask(browser, scope="openid orders email")
    assert page.title.startswith("Allow")
    assert (await ask(browser, "other")).title == "Allow other?"


async def test_offline_access_is_asked_for_each_time(shop: Shop) -> None:
    browser = await allowed(shop, scope="openid offline_access")
    page = await ask(browser, scope="openid offline_access")
    assert "Keep access while you are not there" in page.markup.text
    assert "code" in (await ask(browser, scope="openid")).query


async def test_a_program_on_the_users_machine_is_asked_for_each_time(shop: Shop) -> None:
    browser = await allowed(shop, "app")
    page = await ask(browser, "app")
    assert page.title == "Allow app?"
    page = await browser.submit("Allow")
    assert page.url.startswith(f"{LOOPBACK}?")
    assert "error" not in (await shop.redeem(page, "app"))


async def test_a_trusted_client_is_not_asked_for(shop: Shop) -> None:
    browser = await shop.logged_in()
    assert "code" in (await ask(browser, "own")).query
    assert (await ask(browser, "own", prompt="consent")).title == "Allow own?"


class TestPromptNone:
    """OpenID Connect Core §3.1.2.1: no page, whatever is missing."""

    async def error(self, browser: Browser, **parameters: str) -> str:
        page = await ask(browser, prompt="none", **parameters)
        assert page.url.startswith(f"{CALLBACK}?")
        assert page.query["iss"] == ISSUER
        return page.query["error"]

    async def test_without_a_session(self, shop: Shop) -> None:
        assert await self.error(shop.browser()) == "login_required"

    async def test_without_a_consent(self, shop: Shop) -> None:
        assert await self.error(await shop.logged_in()) == "consent_required"

    async def test_with_a_log_in_that_is_too_old(self, shop: Shop) -> None:
        browser = await allowed(shop)
        shop.clock.advance(timedelta(seconds=61))
        assert await self.error(browser, max_age="60") == "login_required"

    async def test_for_another_user(self, shop: Shop) -> None:
        browser = await allowed(shop)
        token = (await shop.redeem(await ask(browser)))["id_token"]
        await browser.open("/login")
        await browser.log_in("bob")
        assert await self.error(browser, id_token_hint=token) == "login_required"

    async def test_with_all_there_is_to_have(self, shop: Shop) -> None:
        browser = await allowed(shop)
        token = (await shop.redeem(await ask(browser)))["id_token"]
        page = await ask(browser, prompt="none", id_token_hint=token, max_age="60")
        assert "code" in page.query


class TestPromptLogin:
    """A log-in that is demanded is demanded once."""

    @pytest.mark.parametrize("demand", [{"prompt": "login"}, {"max_age": "0"}])
    async def test_a_new_log_in_and_then_the_code(self, shop: Shop, demand: dict[str, str]) -> None:
        browser = await allowed(shop)
        shop.clock.advance(timedelta(seconds=5))
        page = await ask(browser, **demand)
        assert page.title == "Log in"
        assert page.markup.forms[0].fields["username"] == "alice"
        page = await browser.log_in()
        assert "code" in page.query
        claims = (await shop.redeem(page))["id_token"]
        assert claims
        assert (await ask(browser, **demand)).title == "Log in"

    async def test_it_holds_through_the_consent(self, shop: Shop) -> None:
        browser = await shop.logged_in()
        await ask(browser, prompt="login consent")
        page = await browser.log_in()
        assert page.title.startswith("Allow")
        assert "code" in (await browser.submit("Allow")).query

    async def test_the_mark_of_one_request_is_none_for_another(self, shop: Shop) -> None:
        browser = await allowed(shop)
        await ask(browser, prompt="login")
        await browser.log_in()
        mark = mark_of(browser)
        page = await ask(browser, prompt="login", state="another", **{PARAMETER: mark})
        assert page.title == "Log in"
        page = await ask(browser, prompt="login", **{PARAMETER: mark})
        assert "code" in page.query

    async def test_a_mark_is_worth_nothing_elsewhere_later_or_made_up(self, shop: Shop) -> None:
        browser = await allowed(shop)
        await ask(browser, prompt="login")
        await browser.log_in()
        mark = mark_of(browser)
        elsewhere = await shop.logged_in()
        shop.clock.advance(timedelta(seconds=1))
        for made_up in (mark, mark[:-1], "login.1.", "login..x", "other.1.x", "", "a.b.c.d"):
            page = await ask(elsewhere, prompt="login", **{PARAMETER: made_up})
            assert page.title == "Log in"
        shop.clock.advance(timedelta(minutes=10))
        assert (await ask(browser, prompt="login", **{PARAMETER: mark})).title == "Log in"

    async def test_an_old_log_in_is_repeated_and_a_new_one_is_not(self, shop: Shop) -> None:
        browser = await allowed(shop)
        shop.clock.advance(timedelta(seconds=61))
        assert "code" in (await ask(browser, max_age="61")).query
        assert (await ask(browser, max_age="60")).title == "Log in"
        assert "code" in (await browser.log_in()).query

    async def test_who_logs_in_as_somebody_else_does_not_go_round_in_circles(
        self, shop: Shop
    ) -> None:
        browser = await allowed(shop)
        token = (await shop.redeem(await ask(browser)))["id_token"]
        fresh = shop.browser()
        await ask(fresh, id_token_hint=token)
        page = await fresh.log_in("bob")
        assert page.query["error"] == "login_required"


class TestSelectAccount:
    """prompt=select_account."""

    async def test_the_account_that_is_there(self, shop: Shop) -> None:
        browser = await allowed(shop)
        page = await ask(browser, prompt="select_account")
        assert page.title == "Choose an account"
        assert "code" in (await browser.submit("Continue as Alice <A>")).query

    async def test_another_account(self, shop: Shop) -> None:
        browser = await allowed(shop)
        page = await ask(browser, prompt="select_account")
        other = next(a["href"] for a in page.markup.all("a") if a["href"].startswith("/login"))
        assert (await browser.open(other)).title == "Log in"
        page = await browser.log_in("bob")
        assert page.title.startswith("Allow")
        assert "bob" in page.markup.text

    async def test_nobody_is_there(self, shop: Shop) -> None:
        browser = shop.browser()
        assert (await ask(browser, prompt="select_account")).title == "Log in"
        assert (await browser.log_in()).title.startswith("Allow")

    async def test_a_choice_is_no_log_in(self, shop: Shop) -> None:
        browser = await allowed(shop)
        await ask(browser, prompt="select_account")
        await browser.submit("Continue as Alice <A>")
        mark = mark_of(browser)
        forged = mark.replace("account", "login", 1)
        page = await ask(browser, prompt="select_account", **{PARAMETER: forged})
        assert page.title == "Choose an account"


class TestForged:
    """Nobody consents for the user."""

    async def test_a_consent_without_its_token(self, shop: Shop) -> None:
        browser = await shop.logged_in()
        await ask(browser)
        page = await browser.submit("Allow", drop=("csrf",))
        assert page.status == 403
        assert (await ask(browser)).title.startswith("Allow")

    async def test_a_consent_to_another_request(self, shop: Shop) -> None:
        browser = await shop.logged_in()
        await ask(browser)
        wider = urlencode(request(scope="openid profile email orders"))
        assert (await browser.submit("Allow", request=wider)).status == 403

    async def test_a_consent_of_another_session(self, shop: Shop) -> None:
        attacker, victim = shop.browser(), await shop.logged_in()
        await ask(attacker)
        theirs = (await attacker.log_in("bob")).markup.forms[0].fields
        await ask(victim)
        assert (await victim.submit("Allow", csrf=theirs["csrf"])).status == 403

    async def test_a_consent_after_the_session_ended(self, shop: Shop) -> None:
        browser = await shop.logged_in()
        await ask(browser)
        await shop.parts.users.set_password(shop.alice.user_id, "battery staple")
        assert (await browser.submit("Allow")).status == 403

    async def test_a_choice_of_account(self, shop: Shop) -> None:
        browser = await allowed(shop)
        await ask(browser, prompt="select_account")
        page = await browser.submit("Continue as Alice <A>", headers={"Origin": "https://evil"})
        assert page.status == 403


class TestRefused:
    """Where it is not certain whose request it is, the browser stays here."""

    @pytest.mark.parametrize(
        "parameters",
        [
            request("nobody"),
            request(redirect_uri="https://evil.example.com/callback"),
            request(redirect_uri=f"{CALLBACK}/../evil"),
            {},
        ],
    )
    async def test_on_a_page(self, shop: Shop, parameters: dict[str, str]) -> None:
        page = await shop.browser().open("/authorize", **parameters)
        assert page.status == 400
        assert "evil" not in page.response.text
        assert len(page.markup.texts["h1"]) == 1

    async def test_to_the_client_where_it_is(self, shop: Shop) -> None:
        page = await ask(shop.browser(), response_type="token")
        assert page.url.startswith(f"{CALLBACK}?")
        assert page.query["error"] == "unsupported_response_type"

    @pytest.mark.parametrize("query", ["client_id=%ff", "client_id=a%00b", "&".join(["a=1"] * 99)])
    async def test_what_cannot_be_read(self, shop: Shop, query: str) -> None:
        assert (await shop.browser().open(f"/authorize?{query}")).status == 400
        assert (await shop.browser().open(f"/login?{query}")).status == 400
        back = str(httpx.QueryParams({"return_to": f"/authorize?{query}"}))
        assert (await shop.browser().open(f"/login?{back}")).status == 400

    async def test_what_is_no_form(self, shop: Shop) -> None:
        for path in ("/login", "/consent", "/authorize", "/device", "/logout/confirm"):
            answer = await shop.http.post(path, json={})
            assert answer.status_code == 415

    async def test_what_is_too_large(self, shop: Shop) -> None:
        answer = await shop.http.post("/login", data={"username": "x" * 70_000})
        assert answer.status_code == 413


async def test_the_form_may_lead_to_the_client_and_nowhere_else(shop: Shop) -> None:
    browser = shop.browser()
    for client, target in (("web", "https://web.example.com"), ("app", "http://127.0.0.1:4711")):
        page = await ask(browser, client)
        policy = page.response.headers["content-security-policy"]
        assert f"form-action 'self' {target};" in policy


async def test_no_code_or_hint_gets_into_the_log(shop: Shop) -> None:
    with capture_logs() as logs:
        browser = await allowed(shop)
        page = await ask(browser)
        token = (await shop.redeem(page))["id_token"]
        await ask(browser, id_token_hint=token, login_hint="alice@example.com")
    text = json.dumps(logs)
    for secret in (page.query["code"], token, "alice@example.com", browser.cookie(SESSION)):
        assert secret
        assert secret not in text
    assert ("consent", "success") in [(log["event"], log["outcome"]) for log in logs]

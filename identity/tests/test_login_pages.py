import asyncio
import json
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from identity.tests.browsing import ISSUER, Browser, attributes
from identity.tests.shop import PASSWORD, Shop, request
from identity.users.users import NewUser

SESSION = "__Host-bodega"
VISIT = "__Host-bodega-visit"
KNOWN = "__Host-bodega-known"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Of SQLite alone: the stores, and the pages of devices and log-outs, are tested on both."""
    return sqlite_url


async def test_the_right_password_logs_in(shop: Shop) -> None:
    browser = shop.browser()
    page = await browser.open("/login")
    assert (page.status, page.title) == (200, "Log in")
    page = await browser.log_in()
    assert page.url == f"{ISSUER}/"
    assert "Alice <A>" in page.markup.text


async def test_a_name_is_known_however_it_is_typed(shop: Shop) -> None:
    browser = shop.browser()
    await browser.open("/login")
    assert (await browser.log_in(" \uff21LICE ")).title == "You are logged in"


async def test_the_cookies_are_for_this_host_and_no_script(shop: Shop) -> None:
    browser = shop.browser()
    await browser.open("/login")
    expected = {"path": "/", "secure": True, "httponly": True, "samesite": "lax"}
    assert attributes(browser.cookies[VISIT]) == expected
    await browser.log_in()
    assert attributes(browser.cookies[SESSION]) == expected
    assert attributes(browser.cookies[KNOWN]).items() >= expected.items()
    assert VISIT not in browser.cookies


async def test_an_unknown_user_and_a_wrong_password_look_the_same(shop: Shop) -> None:
    bodies = []
    for username, password in (("alice", "wrong horse"), ("carol", PASSWORD)):
        browser = shop.browser()
        await browser.open("/login")
        page = await browser.log_in(username, password)
        assert page.status == 400
        form = page.markup.forms[0].fields
        bodies.append(page.response.text.replace(form["csrf"], "").replace(username, ""))
        assert SESSION not in browser.cookies
    assert bodies[0] == bodies[1]


async def test_an_error_is_told_and_takes_the_focus(shop: Shop) -> None:
    browser = shop.browser()
    await browser.open("/login")
    markup = (await browser.log_in("alice", "wrong horse")).markup
    problem = next(a for _, a in markup.elements if a.get("role") == "alert")
    focused = [a for a in markup.all("input") if "autofocus" in a]
    assert [a["name"] for a in focused] == ["password"]
    assert focused[0]["aria-describedby"] == problem["id"]
    assert focused[0]["aria-invalid"] == "true"
    assert markup.forms[0].fields["username"] == "alice"
    assert markup.forms[0].fields["password"] == ""
    assert markup.texts["title"][0].startswith("Error: ")


async def test_a_log_in_changes_the_session_cookie(shop: Shop) -> None:
    browser = await shop.logged_in()
    planted = browser.cookie(SESSION)
    await browser.open("/login")
    await browser.log_in()
    assert browser.cookie(SESSION) != planted
    assert await shop.pages.sessions.current(planted) is None


async def test_a_cookie_that_was_planted_is_not_taken_over(shop: Shop) -> None:
    browser = shop.browser()
    await browser.open("/login")
    browser.cookies[SESSION] = browser.cookies[VISIT]
    planted = browser.cookie(SESSION)
    await browser.log_in()
    assert browser.cookie(SESSION) != planted
    assert await shop.pages.sessions.current(planted) is None


async def test_another_users_log_in_ends_the_first_ones_session(shop: Shop) -> None:
    browser = await shop.logged_in()
    first = await shop.pages.sessions.current(browser.cookie(SESSION))
    assert first is not None
    await browser.open("/login")
    page = await browser.log_in("bob")
    assert "bob" in page.markup.text
    second = await shop.pages.sessions.current(browser.cookie(SESSION))
    assert second is not None
    assert second.sid != first.sid
    assert await shop.pages.sessions.end(first.sid) is None


async def test_a_disabled_user_is_told_no_more_than_a_wrong_password(shop: Shop) -> None:
    await shop.parts.users.set_disabled(shop.alice.user_id, disabled=True)
    browser = shop.browser()
    await browser.open("/login")
    assert (await browser.log_in()).status == 400


async def test_a_log_in_leads_nowhere_but_to_our_own_pages(shop: Shop) -> None:
    for return_to in (
        "https://evil.example.com/",
        "//evil.example.com/device",
        "/\\evil.example.com",
        "/\t/evil.example.com",
        "https:evil.example.com",
        "javascript:alert(1)",
        "/device@evil.example.com",
        "/device/../../evil",
        "/logout?x=1",
        "/authorize",
        "/authorizeX?client_id=web",
        "/devic\u0435",
        "\r\nLocation: https://evil.example.com",
        "",
    ):
        browser = shop.browser()
        await browser.open("/login", return_to=return_to)
        assert (await browser.log_in()).url == f"{ISSUER}/", return_to


async def test_a_log_in_leads_back_to_the_device_page(shop: Shop) -> None:
    browser = shop.browser()
    await browser.open("/login", return_to="/device?user_code=BCDF-GHJK")
    assert (await browser.log_in()).url == f"{ISSUER}/device?user_code=BCDF-GHJK"


async def test_whom_the_client_expects_is_filled_in(shop: Shop) -> None:
    browser = shop.browser()
    page = await browser.open("/authorize", **request(login_hint='"><b>alice'))
    assert page.markup.forms[0].fields["username"] == '"><b>alice'
    assert not page.markup.all("b")
    assert "The <Web> & Co" in page.markup.text


class TestForged:
    """A form that our page did not give this browser changes nothing."""

    async def assert_refused(self, browser: Browser, **options: object) -> None:
        with capture_logs() as logs:
            page = await browser.submit("Log in", username="alice", password=PASSWORD, **options)  # type: ignore[arg-type]
        assert (page.status, page.title) == (403, "This form is no longer good")
        assert SESSION not in browser.cookies
        assert [log["event"] for log in logs if log["outcome"] == "failure"] == ["form"]

    async def test_without_the_token(self, shop: Shop) -> None:
        browser = shop.browser()
        await browser.open("/login")
        await self.assert_refused(browser, drop=("csrf",))

    async def test_with_anothers_token(self, shop: Shop) -> None:
        attacker, browser = shop.browser(), shop.browser()
        theirs = (await attacker.open("/login")).markup.forms[0].fields["csrf"]
        await browser.open("/login")
        await self.assert_refused(browser, csrf=theirs)

    async def test_without_the_cookie_of_the_visit(self, shop: Shop) -> None:
        browser = shop.browser()
        await browser.open("/login")
        browser.cookies.clear()
        await self.assert_refused(browser)

    @pytest.mark.parametrize("token", ["", "x", "\ud800".encode("utf-8", "replace").decode(), "é"])
    async def test_with_nonsense_for_a_token(self, shop: Shop, token: str) -> None:
        browser = shop.browser()
        await browser.open("/login")
        await self.assert_refused(browser, csrf=token)

    @pytest.mark.parametrize(
        "origin", ["https://evil.example.com", "null", "http://id.example.com"]
    )
    async def test_from_another_origin(self, shop: Shop, origin: str) -> None:
        browser = shop.browser()
        await browser.open("/login")
        await self.assert_refused(browser, headers={"Origin": origin})

    @pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
    async def test_from_another_site(self, shop: Shop, site: str) -> None:
        browser = shop.browser()
        await browser.open("/login")
        await self.assert_refused(browser, headers={"Sec-Fetch-Site": site})

    async def test_with_the_token_of_another_form(self, shop: Shop) -> None:
        browser = await shop.logged_in()
        token = (await browser.open("/device")).markup.forms[0].fields["csrf"]
        await browser.open("/login")
        page = await browser.submit("Log in", username="alice", password=PASSWORD, csrf=token)
        assert page.status == 403


class TestLocked:
    """Guessing takes longer and longer, and keeps nobody out for good."""

    async def guess(self, browser: Browser, username: str = "alice") -> int:
        return (await browser.log_in(username, "wrong horse")).status

    async def test_failures_lock_and_time_unlocks(self, shop: Shop) -> None:
        browser = shop.browser()
        await browser.open("/login")
        assert [await self.guess(browser) for _ in range(6)] == [400] * 5 + [429]
        page = await browser.log_in()
        assert (page.status, page.response.headers["retry-after"]) == (429, "2")
        assert "Try again in 2 seconds" in page.markup.text
        shop.clock.advance(timedelta(seconds=2))
        assert (await browser.log_in()).title == "You are logged in"

    async def test_an_unknown_user_locks_alike(self, shop: Shop) -> None:
        browser = shop.browser()
        await browser.open("/login")
        assert [await self.guess(browser, "carol") for _ in range(6)] == [400] * 5 + [429]

    async def test_many_guesses_at_once_are_many(self, shop: Shop) -> None:
        browsers = [shop.browser() for _ in range(12)]
        for browser in browsers:
            await browser.open("/login")
        statuses = await asyncio.gather(*(self.guess(browser) for browser in browsers))
        assert sorted(statuses) == [400] * 5 + [429] * 7

    async def test_the_users_own_browser_is_spared(self, shop: Shop) -> None:
        own, attacker = await shop.logged_in(), shop.browser()
        await attacker.open("/login")
        for _ in range(8):
            await self.guess(attacker)
            shop.clock.advance(timedelta(seconds=1))
        assert (await attacker.log_in()).status == 429
        await own.open("/login")
        assert (await own.log_in()).title == "You are logged in"

    async def test_a_known_browser_has_a_count_of_its_own(self, shop: Shop) -> None:
        own = await shop.logged_in()
        await own.open("/login")
        assert [await self.guess(own) for _ in range(6)] == [400] * 5 + [429]

    async def test_ones_own_browser_is_not_known_for_others(self, shop: Shop) -> None:
        attacker = shop.browser()
        await attacker.open("/login")
        await attacker.log_in("bob")
        await attacker.open("/login")
        assert [await self.guess(attacker) for _ in range(6)] == [400] * 5 + [429]
        fresh = shop.browser()
        await fresh.open("/login")
        assert (await fresh.log_in()).status == 429


async def test_nothing_that_is_typed_gets_into_the_log(shop: Shop) -> None:
    browser = shop.browser()
    await browser.open("/login")
    with capture_logs() as logs:
        await browser.log_in("my-password-by-mistake", "my-secret-1")
        await browser.log_in("alice", "my-secret-2")
        await browser.log_in("alice", PASSWORD)
    text = json.dumps(logs)
    for secret in ("my-password", "my-secret", PASSWORD, browser.cookie(SESSION) or "-"):
        assert secret not in text
    assert [(log["event"], log["outcome"], log.get("user_id")) for log in logs] == [
        ("login", "failure", None),
        ("login", "failure", shop.alice.user_id),
        ("login", "success", shop.alice.user_id),
    ]
    assert {log["address"] for log in logs} == {"127.0.0.1"}


async def test_a_password_changed_elsewhere_ends_the_session(shop: Shop) -> None:
    browser = await shop.logged_in()
    await shop.parts.users.set_password(shop.alice.user_id, "battery staple")
    assert (await browser.open("/")).title == "Log in"


async def test_a_session_ends_by_time(shop: Shop) -> None:
    browser = await shop.logged_in()
    shop.clock.advance(timedelta(minutes=59))
    assert (await browser.open("/")).title == "You are logged in"
    shop.clock.advance(timedelta(minutes=61))
    assert (await browser.open("/")).title == "Log in"


async def test_a_name_with_markup_is_text(shop: Shop) -> None:
    await shop.parts.users.create(
        NewUser(username="eve", name="<script>alert(1)</script>"), PASSWORD
    )
    browser = shop.browser()
    await browser.open("/login")
    page = await browser.log_in("eve")
    assert "<script>alert(1)</script>" in page.markup.text
    assert not page.markup.all("script")

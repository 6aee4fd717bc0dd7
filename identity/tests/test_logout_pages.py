import pytest
from structlog.testing import capture_logs

from identity.tests.browsing import ISSUER, Browser, Page
from identity.tests.shop import BYE, Shop, request

SESSION = "__Host-bodega"


async def with_token(shop: Shop, scope: str = "openid") -> tuple[Browser, dict[str, str]]:
    """Return a browser in which Alice uses a client, and the client's tokens."""
    browser = await shop.logged_in()
    await browser.open("/authorize", **request(scope=scope))
    page = await browser.submit("Allow")
    return browser, await shop.redeem(page)


async def is_logged_in(browser: Browser) -> bool:
    return (await browser.open("/")).title == "You are logged in"


async def test_an_id_token_of_the_session_ends_it_at_once(shop: Shop) -> None:
    browser, tokens = await with_token(shop)
    cookie = browser.cookie(SESSION)
    page = await browser.open(
        "/logout",
        id_token_hint=tokens["id_token"],
        post_logout_redirect_uri=BYE,
        state="the-state",
    )
    assert page.url == f"{BYE}?state=the-state"
    assert SESSION not in browser.cookies
    assert await shop.pages.sessions.current(cookie) is None


@pytest.mark.parametrize("parameters", [{}, {"client_id": "web"}])
async def test_without_one_the_user_is_asked(shop: Shop, parameters: dict[str, str]) -> None:
    browser = await shop.logged_in()
    page = await browser.open("/logout", **parameters)
    assert page.title == "Log out?"
    assert "Alice <A>" in page.markup.text
    assert await is_logged_in(browser)
    await browser.open("/logout", **parameters)
    page = await browser.submit("Log out")
    assert page.title == "Logged out"
    assert not await is_logged_in(browser)


async def test_an_id_token_of_another_session_ends_nothing_unasked(shop: Shop) -> None:
    _, tokens = await with_token(shop)
    other = await shop.logged_in()
    page = await other.open("/logout", id_token_hint=tokens["id_token"])
    assert page.title == "Log out?"
    assert await is_logged_in(other)


async def test_after_the_question_the_browser_goes_back_to_the_client(shop: Shop) -> None:
    browser = await shop.logged_in()
    page = await browser.open("/logout", client_id="web", post_logout_redirect_uri=BYE, state="s")
    policy = page.response.headers["content-security-policy"]
    assert "form-action 'self' https://web.example.com;" in policy
    assert (await browser.submit("Log out")).url == f"{BYE}?state=s"


@pytest.mark.parametrize(
    "uri", ["https://evil.example.com/", f"{BYE}/", f"{BYE}?x=1", "https://web.example.com/BYE"]
)
async def test_the_way_back_is_exact(shop: Shop, uri: str) -> None:
    browser = await shop.logged_in()
    page = await browser.open("/logout", client_id="web", post_logout_redirect_uri=uri)
    assert page.status == 400
    assert await is_logged_in(browser)


async def test_without_a_client_there_is_no_way_back(shop: Shop) -> None:
    page = await shop.browser().open("/logout", post_logout_redirect_uri=BYE)
    assert page.status == 400


async def test_who_is_not_logged_in_is_logged_out(shop: Shop) -> None:
    page = await shop.browser().open("/logout")
    assert page.title == "Logged out"


async def test_a_post_is_the_same_by_get(shop: Shop) -> None:
    browser, tokens = await with_token(shop)
    form = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": BYE}
    answer = await shop.http.post("/logout", data=form)
    assert answer.status_code == 303
    page = await browser.open(answer.headers["location"])
    assert page.url == BYE


async def test_a_forged_answer_ends_nothing(shop: Shop) -> None:
    browser = await shop.logged_in()
    await browser.open("/logout")
    assert (await browser.submit("Log out", drop=("csrf",))).status == 403
    await browser.open("/logout")
    other = "client_id=web&post_logout_redirect_uri=https%3A%2F%2Fweb.example.com%2Fbye"
    assert (await browser.submit("Log out", request=other)).status == 403
    assert await is_logged_in(browser)


@pytest.mark.parametrize("scope", ["openid", "openid offline_access"])
async def test_what_was_granted_ends_with_the_session_unless_it_is_meant_to_last(
    shop: Shop, scope: str
) -> None:
    browser, tokens = await with_token(shop, scope)
    await browser.open("/logout", id_token_hint=tokens["id_token"])
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    answer = await shop.http.get("/userinfo", headers=headers)
    assert answer.status_code == (200 if "offline_access" in scope else 401)


async def test_the_log_names_whose_session_ended_at_whose_wish(shop: Shop) -> None:
    browser, tokens = await with_token(shop)
    with capture_logs() as logs:
        await browser.open("/logout", id_token_hint=tokens["id_token"])
    event = next(log for log in logs if log["event"] == "logout")
    assert (event["user_id"], event["client_id"]) == (shop.alice.user_id, "web")
    assert tokens["id_token"] not in str(logs)


async def test_the_first_page_leads_to_the_log_out(shop: Shop) -> None:
    browser = await shop.logged_in()
    page = await browser.open("/")
    links = {a["href"] for a in page.markup.all("a")}
    assert links == {"/device", "/logout"}


async def test_a_log_out_in_one_browser_leaves_the_other(shop: Shop) -> None:
    one, other = await shop.logged_in(), await shop.logged_in()
    await one.open("/logout")
    await one.submit("Log out")
    assert await is_logged_in(other)
    assert isinstance(other.page, Page)
    assert other.page.url == f"{ISSUER}/"

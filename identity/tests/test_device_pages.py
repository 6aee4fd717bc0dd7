from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from identity.tests.browsing import ISSUER
from identity.tests.shop import DEVICE_CODE, Shop


async def start(shop: Shop) -> dict[str, Any]:
    form = {"client_id": "app", "scope": "openid orders"}
    answer = await shop.http.post("/device_authorization", data=form)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def poll(shop: Shop, device: dict[str, Any]) -> str:
    """Return the error that a device hears, or its scope."""
    shop.clock.advance(timedelta(seconds=30))
    form = {"grant_type": DEVICE_CODE, "device_code": device["device_code"], "client_id": "app"}
    answer = (await shop.http.post("/token", data=form)).json()
    return str(answer.get("error") or answer["scope"])


async def test_a_device_is_allowed(shop: Shop) -> None:
    device = await start(shop)
    browser = shop.browser()
    page = await browser.open(device["verification_uri"])
    assert page.title == "Log in"
    page = await browser.log_in()
    assert page.title == "Connect a device"
    typed = device["user_code"].lower().replace("-", " ")
    page = await browser.submit("Continue", user_code=typed)
    assert page.title == "Connect app?"
    text = page.markup.text
    assert device["user_code"] in text
    assert "Read your orders" in text
    assert "Alice <A>" in text
    assert "Did somebody send you this code" in text
    assert await poll(shop, device) == "authorization_pending"
    assert (await browser.submit("Allow")).title == "Connected"
    assert await poll(shop, device) == "openid orders"


async def test_a_device_is_denied(shop: Shop) -> None:
    device = await start(shop)
    browser = await shop.logged_in()
    await browser.open("/device")
    await browser.submit("Continue", user_code=device["user_code"])
    assert (await browser.submit("Deny")).title == "Not connected"
    assert await poll(shop, device) == "access_denied"


async def test_a_link_fills_the_code_in_and_does_no_more(shop: Shop) -> None:
    device = await start(shop)
    browser = shop.browser()
    await browser.open(device["verification_uri_complete"])
    page = await browser.log_in()
    assert page.url.startswith(f"{ISSUER}/device?")
    assert page.markup.forms[0].fields["user_code"] == device["user_code"]
    assert "app" not in page.markup.texts["main"][0]
    assert await poll(shop, device) == "authorization_pending"


async def test_an_unknown_code_is_an_error_on_the_field(shop: Shop) -> None:
    browser = await shop.logged_in()
    await browser.open("/device")
    page = await browser.submit("Continue", user_code="BBBB-BBBB")
    assert page.status == 400
    field = next(a for a in page.markup.all("input") if a["name"] == "user_code")
    assert field["aria-invalid"] == "true"
    assert "problem" in field["aria-describedby"].split()
    assert "autofocus" in field


async def test_codes_are_guessed_ever_more_slowly(shop: Shop) -> None:
    browser = await shop.logged_in()
    await browser.open("/device")
    statuses = [
        (await browser.submit("Continue", user_code=f"BBBB-BBB{letter}")).status
        for letter in "BCDFGH"
    ]
    assert statuses == [400] * 5 + [429]
    device = await start(shop)
    page = await browser.submit("Continue", user_code=device["user_code"])
    assert (page.status, page.response.headers["retry-after"]) == (429, "2")
    shop.clock.advance(timedelta(seconds=2))
    page = await browser.submit("Continue", user_code=device["user_code"])
    assert page.title == "Connect app?"


async def test_a_code_cannot_be_allowed_without_the_page_that_shows_it(shop: Shop) -> None:
    first, second = await start(shop), await start(shop)
    browser = await shop.logged_in()
    await browser.open("/device")
    await browser.submit("Continue", user_code=first["user_code"])
    other = second["user_code"].replace("-", "")
    assert (await browser.submit("Allow", user_code=other)).status == 403
    assert await poll(shop, second) == "authorization_pending"


@pytest.mark.parametrize("seconds", [599, 601])
async def test_a_code_expires(shop: Shop, seconds: int) -> None:
    device = await start(shop)
    browser = await shop.logged_in()
    await browser.open("/device")
    await browser.submit("Continue", user_code=device["user_code"])
    shop.clock.advance(timedelta(seconds=seconds))
    page = await browser.submit("Allow")
    assert page.title == ("Connected" if seconds < 600 else "Connect a device")


async def test_what_was_answered_is_answered(shop: Shop) -> None:
    device = await start(shop)
    browser, other = await shop.logged_in(), await shop.logged_in()
    for each in (browser, other):
        await each.open("/device")
        await each.submit("Continue", user_code=device["user_code"])
    assert (await browser.submit("Deny")).title == "Not connected"
    assert (await other.submit("Allow")).status == 400
    assert await poll(shop, device) == "access_denied"


async def test_who_is_no_longer_logged_in_allows_nothing(shop: Shop) -> None:
    device = await start(shop)
    browser = await shop.logged_in()
    await browser.open("/device")
    await browser.submit("Continue", user_code=device["user_code"])
    await shop.parts.users.set_password(shop.alice.user_id, "battery staple")
    assert (await browser.submit("Allow")).status == 403
    assert await poll(shop, device) == "authorization_pending"


async def test_the_log_names_who_allowed_what_and_no_code(shop: Shop) -> None:
    device = await start(shop)
    browser = await shop.logged_in()
    await browser.open("/device")
    with capture_logs() as logs:
        await browser.submit("Continue", user_code=device["user_code"])
        await browser.submit("Allow")
    approved = next(log for log in logs if log["event"] == "device.approve")
    assert (approved["user_id"], approved["client_id"]) == (shop.alice.user_id, "app")
    assert device["user_code"].replace("-", "") not in str(logs).replace("-", "")

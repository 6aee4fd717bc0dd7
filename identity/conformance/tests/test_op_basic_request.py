"""OP-Basic: what an authorization request may say. Each test is named after its module."""

import base64
import json
from datetime import timedelta

from identity.conformance.tests.browser import Browser, forms_of
from identity.conformance.tests.provider import BYE, USERNAME, Provider
from identity.conformance.tests.relying_party import Claims, Flow
from identity.tests.times import HandClock

LOG_IN = "Log in"


async def _again(flow: Flow, browser: Browser, **changes: str) -> Claims:
    """Authorize once more, with a new state and nonce, in the same browser."""
    second = Flow(flow.provider, flow.client_id)
    return await second.id_token(await second.tokens(browser, **changes))


async def test_oidcc_display_page(flow: Flow, browser: Browser) -> None:
    await flow.id_token(await flow.tokens(browser, display="page"))


async def test_oidcc_display_popup(flow: Flow, browser: Browser) -> None:
    await flow.id_token(await flow.tokens(browser, display="popup"))


async def test_oidcc_prompt_login(flow: Flow, browser: Browser, clock: HandClock) -> None:
    first = await flow.id_token(await flow.tokens(browser))
    clock.advance(timedelta(seconds=2))
    browser.shown.clear()
    second = await _again(flow, browser, prompt="login")
    assert browser.shown.count(LOG_IN) == 1
    assert second["sub"] == first["sub"]
    assert second["auth_time"] > first["auth_time"]


async def test_oidcc_prompt_none_not_logged_in(flow: Flow, browser: Browser) -> None:
    answer = flow.answer(await browser.get(flow.path(prompt="none")))
    assert answer["error"] == "login_required"


async def test_oidcc_prompt_none_logged_in(flow: Flow, browser: Browser, clock: HandClock) -> None:
    first = await flow.id_token(await flow.tokens(browser))
    clock.advance(timedelta(seconds=2))
    browser.shown.clear()
    second = await _again(flow, browser, prompt="none")
    assert browser.shown == []
    assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"])


async def test_oidcc_max_age_1(flow: Flow, browser: Browser, clock: HandClock) -> None:
    first = await flow.id_token(await flow.tokens(browser))
    clock.advance(timedelta(seconds=2))
    browser.shown.clear()
    second = await _again(flow, browser, max_age="1")
    assert browser.shown.count(LOG_IN) == 1
    assert second["auth_time"] > first["auth_time"]
    now = clock() // 1_000_000
    assert now - second["auth_time"] <= 1


async def test_oidcc_max_age_10000(flow: Flow, browser: Browser, clock: HandClock) -> None:
    first = await flow.id_token(await flow.tokens(browser, max_age="15000"))
    clock.advance(timedelta(seconds=2))
    browser.shown.clear()
    second = await _again(flow, browser, max_age="10000")
    assert browser.shown == []
    assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"])


async def test_oidcc_ensure_request_with_unknown_parameter_succeeds(
    flow: Flow, browser: Browser
) -> None:
    await flow.id_token(await flow.tokens(browser, extra="foobar"))


async def test_oidcc_id_token_hint(flow: Flow, browser: Browser, clock: HandClock) -> None:
    body = await flow.tokens(browser)
    first = await flow.id_token(body)
    clock.advance(timedelta(minutes=11))  # Past the ID token's own time, which does not matter.
    browser.shown.clear()
    second = await _again(flow, browser, prompt="none", id_token_hint=body["id_token"])
    assert browser.shown == []
    assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"])


async def test_oidcc_login_hint(flow: Flow, browser: Browser) -> None:
    page = await browser.get(flow.path(login_hint=USERNAME))
    (form,) = forms_of(page)
    assert form.fields["username"] == USERNAME
    flow.answer(await browser.go_through(page))


async def test_oidcc_ui_locales(flow: Flow, browser: Browser) -> None:
    await flow.id_token(await flow.tokens(browser, ui_locales="se"))


async def test_oidcc_claims_locales(flow: Flow, browser: Browser) -> None:
    await flow.id_token(await flow.tokens(browser, claims_locales="se"))


async def test_oidcc_ensure_request_with_acr_values_succeeds(flow: Flow, browser: Browser) -> None:
    claims = await flow.id_token(await flow.tokens(browser, acr_values="1 2"))
    assert claims["acr"] == "1"


async def test_oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(
    flow: Flow, browser: Browser, provider: Provider
) -> None:
    """Nothing is fetched: a server that opens whatever URL it is given is a tool for others."""
    metadata = (await provider.http.get("/.well-known/openid-configuration")).json()
    assert metadata["request_uri_parameter_supported"] is False
    page = await browser.get(flow.path(request_uri="https://rp.example/request.jwt"))
    assert page.status_code == 400


async def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(
    flow: Flow, browser: Browser, provider: Provider
) -> None:
    metadata = (await provider.http.get("/.well-known/openid-configuration")).json()
    assert metadata["request_parameter_supported"] is False
    answer = flow.answer(await browser.get(flow.path(request=_unsigned(flow.parameters()))))
    assert answer["error"] == "request_not_supported"


async def test_oidcc_ensure_request_object_with_redirect_uri(flow: Flow, browser: Browser) -> None:
    """The redirect URI of a request object, which is not supported, is not gone to either."""
    request = _unsigned(flow.parameters())
    page = await browser.get(flow.path(request=request, redirect_uri=BYE))
    assert page.status_code == 400
    assert "The redirect_uri is not registered." in page.text


def _unsigned(parameters: dict[str, str]) -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "none"}, parameters))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."

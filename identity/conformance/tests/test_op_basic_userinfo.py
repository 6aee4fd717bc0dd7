"""OP-Basic: the userinfo endpoint and its claims. Each test is named after its module."""

import json

import httpx
import pytest

from identity.conformance.tests.browser import Browser
from identity.conformance.tests.provider import Provider
from identity.conformance.tests.relying_party import Flow

PROFILE = {"name": "Alice A.", "preferred_username": "alice"}
EMAIL = {"email": "alice@example.com", "email_verified": True}


def _check(response: httpx.Response, provider: Provider, **expected: object) -> None:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {"sub": provider.user.user_id, **expected}


async def test_oidcc_userinfo_get(flow: Flow, browser: Browser, provider: Provider) -> None:
    body = await flow.tokens(browser)
    _check(await flow.userinfo(body["access_token"]), provider)


async def test_oidcc_userinfo_post_header(flow: Flow, browser: Browser, provider: Provider) -> None:
    body = await flow.tokens(browser)
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    _check(await provider.http.post("/userinfo", headers=headers), provider)


async def test_oidcc_userinfo_post_body(flow: Flow, browser: Browser, provider: Provider) -> None:
    body = await flow.tokens(browser)
    form = {"access_token": body["access_token"]}
    _check(await provider.http.post("/userinfo", data=form), provider)


async def test_oidcc_scope_profile(flow: Flow, browser: Browser, provider: Provider) -> None:
    body = await flow.tokens(browser, scope="openid profile")
    _check(await flow.userinfo(body["access_token"]), provider, **PROFILE)
    assert "name" not in await flow.id_token(body)


async def test_oidcc_scope_email(flow: Flow, browser: Browser, provider: Provider) -> None:
    body = await flow.tokens(browser, scope="openid email")
    _check(await flow.userinfo(body["access_token"]), provider, **EMAIL)
    assert "email" not in await flow.id_token(body)


@pytest.mark.parametrize("scope", ["address", "phone"])
async def test_what_is_not_kept_of_users_is_not_offered(
    flow: Flow, browser: Browser, provider: Provider, scope: str
) -> None:
    """So the suite skips oidcc-scope-address, oidcc-scope-phone and oidcc-scope-all."""
    metadata = (await provider.http.get("/.well-known/openid-configuration")).json()
    assert scope not in metadata["scopes_supported"]
    answer = flow.answer(await browser.get(flow.path(scope=f"openid {scope}")))
    assert answer["error"] == "invalid_scope"


async def test_oidcc_alternate_happy_flow(flow: Flow, browser: Browser, provider: Provider) -> None:
    reordered = dict(reversed(flow.parameters(scope="email openid").items()))
    page = await browser.get(f"/authorize?{httpx.QueryParams(reordered)}")
    answer = flow.answer(await browser.go_through(page))
    body = (await flow.redeem(answer["code"])).json()
    await flow.id_token(body)
    _check(await flow.userinfo(body["access_token"]), provider, **EMAIL)


async def test_oidcc_claims_essential(flow: Flow, browser: Browser, provider: Provider) -> None:
    """The request succeeds; that `name` is not there for it is a warning of the suite's."""
    claims = json.dumps({"userinfo": {"name": {"essential": True}}})
    body = await flow.tokens(browser, claims=claims)
    await flow.id_token(body)
    _check(await flow.userinfo(body["access_token"]), provider)

"""OP-Basic: the code, the token endpoint and the ID token. Each test is named after its module."""

import base64
import json
from datetime import timedelta

from identity.conformance.tests.browser import Browser, headline
from identity.conformance.tests.provider import BYE, SECRET, WEB, Provider, register
from identity.conformance.tests.relying_party import Flow
from identity.tests.times import HandClock


async def test_oidcc_server(flow: Flow, browser: Browser, provider: Provider) -> None:
    claims = await flow.id_token(await flow.tokens(browser))
    assert claims["sub"] == provider.user.user_id
    assert claims["sub"].isascii()
    assert len(claims["sub"]) <= 255


async def test_oidcc_response_type_missing(flow: Flow, browser: Browser) -> None:
    answer = flow.answer(await browser.get(flow.path(response_type=None)))
    assert answer["error"] == "invalid_request"


async def test_oidcc_idtoken_signature(
    provider: Provider, browser: Browser, clock: HandClock
) -> None:
    """OpenID Connect's own default; ours is ES256, so this client is registered for RS256."""
    client = {"client_id": "rs256", "id_token_signed_response_alg": "RS256", **WEB}
    await register(provider.parts.base.clients, client)
    for _ in range(2):  # The key is made, and signs when every replica must have seen it.
        await provider.parts.base.keys.follow()
        clock.advance(timedelta(minutes=1))
    flow = Flow(provider, "rs256")
    body = await flow.tokens(browser)
    await flow.id_token(body)
    header = json.loads(base64.urlsafe_b64decode(body["id_token"].partition(".")[0] + "=="))
    assert header["alg"] == "RS256"
    assert header["kid"]


async def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(
    flow: Flow, browser: Browser
) -> None:
    await flow.id_token(await flow.tokens(browser, nonce=None), nonce=False)


async def test_oidcc_codereuse(flow: Flow, browser: Browser) -> None:
    code = await flow.code(browser)
    assert (await flow.redeem(code)).status_code == 200
    again = await flow.redeem(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


async def test_oidcc_codereuse_30seconds(flow: Flow, browser: Browser, clock: HandClock) -> None:
    code = await flow.code(browser)
    body = (await flow.redeem(code)).json()
    assert (await flow.userinfo(body["access_token"])).status_code == 200
    clock.advance(timedelta(seconds=30))
    again = await flow.redeem(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    revoked = await flow.userinfo(body["access_token"])
    assert revoked.status_code == 401
    assert 'error="invalid_token"' in revoked.headers["www-authenticate"]


async def test_oidcc_ensure_registered_redirect_uri(flow: Flow, browser: Browser) -> None:
    page = await browser.get(flow.path(redirect_uri=BYE))
    assert page.status_code == 400
    assert headline(page) == "This request was refused"
    assert "The redirect_uri is not registered." in page.text


async def test_oidcc_ensure_post_request_succeeds(flow: Flow, browser: Browser) -> None:
    page = await browser.post("/authorize", flow.parameters())
    answer = flow.answer(await browser.go_through(page))
    await flow.id_token((await flow.redeem(answer["code"])).json())


async def test_oidcc_server_client_secret_post(provider: Provider, browser: Browser) -> None:
    flow = Flow(provider, "poster")
    await flow.id_token(await flow.tokens(browser))


async def test_oidcc_refresh_token(
    flow: Flow, browser: Browser, provider: Provider, clock: HandClock
) -> None:
    asked = {"scope": "openid offline_access", "prompt": "consent"}
    first = await flow.tokens(browser, **asked)
    before = await flow.id_token(first)
    clock.advance(timedelta(seconds=2))
    refreshed = await flow.refresh(first["refresh_token"])
    assert refreshed.status_code == 200
    after = await flow.id_token(refreshed.json(), nonce=False)
    same = ("iss", "sub", "aud", "auth_time")
    assert [after[name] for name in same] == [before[name] for name in same]
    assert after["iat"] > before["iat"]
    assert (await flow.userinfo(refreshed.json()["access_token"])).status_code == 200
    stolen = await Flow(provider, "rp2").refresh(refreshed.json()["refresh_token"])
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")


async def test_oidcc_ensure_request_with_valid_pkce_succeeds(flow: Flow, browser: Browser) -> None:
    code = await flow.code(browser)
    wrong = await flow.redeem(code, code_verifier="w" * 43)
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")
    assert (await flow.redeem(code)).status_code == 200


async def test_a_request_without_pkce_is_refused_whoever_the_client_is(
    flow: Flow, browser: Browser
) -> None:
    """The one thing that the suite's modules do without, and we do not (RFC 9700 §2.1.1)."""
    answer = flow.answer(
        await browser.get(flow.path(code_challenge=None, code_challenge_method=None))
    )
    assert answer["error"] == "invalid_request"
    assert "code_challenge" in answer["error_description"]


async def test_a_client_authenticates_by_its_registered_method_alone(
    provider: Provider, browser: Browser
) -> None:
    form = {"grant_type": "authorization_code", "client_id": "rp", "client_secret": SECRET}
    code = await Flow(provider, "rp").code(browser)
    by_post = await provider.http.post("/token", data=form | {"code": code})
    code = await Flow(provider, "poster").code(browser)
    by_basic = await provider.http.post(
        "/token", data={"grant_type": "authorization_code", "code": code}, auth=("poster", SECRET)
    )
    for refused in (by_post, by_basic):
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


async def test_no_token_is_unsigned(flow: Flow, browser: Browser, provider: Provider) -> None:
    metadata = (await provider.http.get("/.well-known/openid-configuration")).json()
    assert "none" not in metadata["id_token_signing_alg_values_supported"]
    body = await flow.tokens(browser)
    payload = body["access_token"].split(".")[1]
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    assert (await flow.userinfo(f"{unsigned}.{payload}.")).status_code == 401

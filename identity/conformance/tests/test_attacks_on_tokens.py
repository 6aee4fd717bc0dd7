"""What may be tried with codes and tokens that somebody has come by. RFC 9700."""

import dataclasses
import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
import structlog
from structlog.testing import LogCapture

from identity.conformance.tests.browser import Browser
from identity.conformance.tests.provider import (
    CALLBACK,
    DEVICE_CODE,
    ORDERS,
    PASSWORD,
    SECRET,
    STOCK,
    WEB,
    Provider,
    register,
)
from identity.conformance.tests.relying_party import Claims, Flow
from identity.tests.times import HandClock
from runtime.errors import InvalidArgument


def claims_of(token: str) -> Claims:
    return dict(jwt.decode(token, options={"verify_signature": False}))


@pytest.mark.parametrize(
    "near",
    [
        f"{CALLBACK}/", f"{CALLBACK}?x=y", f"{CALLBACK}#x", f"{CALLBACK}/../callback",
        "https://rp.example/CALLBACK", "https://RP.example/callback", "http://rp.example/callback",
        "https://rp.example:443/callback", "https://rp.example/%63allback", f" {CALLBACK}",
        "https://rp.example@evil.example/callback", "https://rp.example.evil.example/callback",
    ],
)  # fmt: skip
async def test_a_redirect_uri_that_is_nearly_right_is_wrong(
    flow: Flow, browser: Browser, near: str
) -> None:
    for prompt in (None, "none"):
        page = await browser.get(flow.path(redirect_uri=near, prompt=prompt))
        assert page.status_code == 400
        assert "location" not in page.headers


async def test_every_answer_says_whose_it_is(flow: Flow, browser: Browser) -> None:
    """Mix-up (RFC 9700 §4.4, RFC 9207): also where it is an error. `answer` compares `iss`."""
    for wrong in ({"prompt": "none"}, {"scope": "nonsense"}, {"response_type": "token"}):
        assert "error" in flow.answer(await browser.get(flow.path(**wrong)))
    assert "code" in flow.answer(await browser.go_through(await browser.get(flow.path())))


@pytest.mark.parametrize(
    "response_type", ["token", "id_token", "id_token token", "code token", "code id_token", "none"]
)
async def test_no_token_comes_through_the_browser(
    flow: Flow, browser: Browser, response_type: str
) -> None:
    answer = flow.answer(await browser.get(flow.path(response_type=response_type)))
    assert answer["error"] == "unsupported_response_type"


@pytest.mark.parametrize("mode", ["fragment", "form_post", "web_message"])
async def test_an_answer_is_a_query_and_nothing_else(
    flow: Flow, browser: Browser, mode: str
) -> None:
    """No postMessage and no fragment (RFC 9700 §4.17)."""
    answer = flow.answer(await browser.get(flow.path(response_mode=mode)))
    assert answer["error"] == "invalid_request"


async def test_nobody_types_a_password_into_a_client(provider: Provider) -> None:
    form = {"grant_type": "password", "username": "alice", "password": PASSWORD}
    refused = await Flow(provider).post("/token", **form)
    assert refused.json()["error"] == "unsupported_grant_type"


async def test_a_code_put_into_another_flow_is_worth_nothing(
    flow: Flow, browser: Browser, provider: Provider
) -> None:
    """Code injection (RFC 9700 §4.5): the victim's code, in a session that the attacker began."""
    stolen = await flow.code(browser)
    for injected in (Flow(provider), Flow(provider, "rp2"), Flow(provider, "app")):
        refused = await injected.redeem(stolen)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await flow.redeem(stolen)).status_code == 200


@pytest.mark.parametrize(
    "weak",
    [
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
        {"code_challenge": None, "code_challenge_method": None},
    ],
)
async def test_pkce_cannot_be_turned_off(
    flow: Flow, browser: Browser, provider: Provider, weak: dict[str, str | None]
) -> None:
    """Downgrade (RFC 9700 §4.8), for public clients and for those with a secret."""
    native = "http://127.0.0.1:4711/callback"
    assert flow.answer(await browser.get(flow.path(**weak)))["error"] == "invalid_request"
    public = Flow(provider, "app").path(redirect_uri=native, **weak)
    location = (await browser.get(public)).headers["location"]
    assert parse_qs(urlsplit(location).query)["error"] == ["invalid_request"]
    pushed = await flow.post("/par", **flow.parameters(**weak))
    assert (pushed.status_code, pushed.json()["error"]) == (400, "invalid_request")


async def test_a_code_without_its_verifier_is_worth_nothing(flow: Flow, browser: Browser) -> None:
    code = await flow.code(browser)
    for verifier in ("", "w" * 43, "short"):
        assert (await flow.redeem(code, code_verifier=verifier)).status_code == 400


async def test_a_pushed_request_is_its_clients(
    flow: Flow, browser: Browser, provider: Provider
) -> None:
    pushed = (await flow.post("/par", **flow.parameters())).json()["request_uri"]
    query = httpx.QueryParams(client_id="rp2", request_uri=pushed)
    assert (await browser.get(f"/authorize?{query}")).status_code == 400
    query = query.set("client_id", "rp")
    answer = flow.answer(await browser.go_through(await browser.get(f"/authorize?{query}")))
    assert "code" in answer
    again = await browser.get(f"/authorize?{query}")
    assert again.status_code == 400
    assert "code" not in str(again.headers)


async def test_a_refresh_token_is_its_clients(
    flow: Flow, browser: Browser, provider: Provider
) -> None:
    body = await flow.tokens(browser)
    for thief in (Flow(provider, "rp2"), Flow(provider, "app"), Flow(provider, "poster")):
        refused = await thief.refresh(body["refresh_token"])
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await flow.refresh(body["refresh_token"])).status_code == 200


async def test_a_refresh_token_that_comes_back_ends_its_family(
    flow: Flow, browser: Browser
) -> None:
    first = await flow.tokens(browser)
    second = (await flow.refresh(first["refresh_token"])).json()
    assert (await flow.refresh(first["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await flow.refresh(second["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await flow.userinfo(second["access_token"])).status_code == 401


async def test_a_refresh_token_that_is_not_used_expires(
    flow: Flow, browser: Browser, clock: HandClock
) -> None:
    body = await flow.tokens(browser, scope="openid offline_access")
    clock.advance(timedelta(days=14, seconds=1))
    await flow.provider.parts.base.keys.follow()
    assert (await flow.refresh(body["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_refresh_gives_no_more_than_was_granted(flow: Flow, browser: Browser) -> None:
    body = await flow.tokens(browser, scope="openid orders.read")
    more = await flow.refresh(body["refresh_token"], scope="openid orders.read orders.write")
    assert (more.status_code, more.json()["error"]) == (400, "invalid_scope")
    elsewhere = await flow.refresh(body["refresh_token"], resource="urn:example:unknown")
    assert (elsewhere.status_code, elsewhere.json()["error"]) == (400, "invalid_target")


async def test_a_token_is_for_one_api_and_what_it_was_asked_for(
    flow: Flow, browser: Browser
) -> None:
    scope = "openid orders.read stock.read"
    body = await flow.tokens(browser, scope=scope, resource=ORDERS)
    claims = claims_of(body["access_token"])
    assert claims["aud"] == ORDERS
    assert claims["scope"] == "openid orders.read"
    assert claims["exp"] - claims["iat"] == 600
    stock = await flow.refresh(body["refresh_token"], resource=STOCK)
    assert stock.json()["error"] == "invalid_target"


async def test_a_client_is_never_taken_for_a_user(
    flow: Flow, browser: Browser, provider: Provider
) -> None:
    """RFC 9700 §4.15: its token has its own id as `sub`, no user's, and opens no user's data."""
    form = {"grant_type": "client_credentials", "scope": "orders.read"}
    body = (await Flow(provider, "service").post("/token", **form)).json()
    claims = claims_of(body["access_token"])
    assert claims["sub"] == claims["client_id"] == "service"
    assert not {"gid", "sid", "auth_time"} & claims.keys()
    assert (await flow.userinfo(body["access_token"])).status_code in {401, 403}
    users = claims_of((await flow.tokens(browser))["access_token"])
    assert users["sub"] == provider.user.user_id != users["client_id"]
    openid = await Flow(provider, "service").post("/token", **form | {"scope": "openid"})
    assert openid.json()["error"] == "invalid_scope"


async def test_a_token_in_the_url_is_not_looked_at(
    flow: Flow, browser: Browser, provider: Provider
) -> None:
    """It would be in the history and in logs (RFC 9700 §4.3.2)."""
    body = await flow.tokens(browser)
    answer = await provider.http.get("/userinfo", params={"access_token": body["access_token"]})
    assert answer.status_code == 401


async def test_secrets_in_the_url_authenticate_nobody(provider: Provider) -> None:
    query = {"client_id": "poster", "client_secret": SECRET, "grant_type": "client_credentials"}
    answer = await provider.http.post("/token", params=query)
    assert answer.status_code in {400, 401}
    assert "access_token" not in answer.text


async def test_no_other_client_learns_of_a_token(
    flow: Flow, browser: Browser, provider: Provider
) -> None:
    body = await flow.tokens(browser)
    for name in ("access_token", "refresh_token"):
        theirs = await Flow(provider, "rp2").post("/introspect", token=body[name])
        assert theirs.json() == {"active": False}
        await Flow(provider, "rp2").post("/revoke", token=body[name])
    assert (await flow.userinfo(body["access_token"])).status_code == 200
    assert (await flow.refresh(body["refresh_token"])).status_code == 200


async def test_an_id_token_tells_whose_access_token_came_with_it(
    flow: Flow, browser: Browser
) -> None:
    """Access token injection (RFC 9700 §4.6): `id_token` compares `at_hash`."""
    mine = await flow.tokens(browser)
    other = await flow.refresh(mine["refresh_token"])
    await flow.id_token(mine)
    with pytest.raises(AssertionError):
        await flow.id_token({**mine, "access_token": other.json()["access_token"]})


async def test_no_client_may_be_redirected_to_without_tls(provider: Provider) -> None:
    """RFC 9700 §2.6: http is for this machine alone, and for native clients."""
    for uri in ("http://rp.example/callback", "http://127.0.0.1/callback"):
        client = {"client_id": "plain", **WEB, "redirect_uris": [uri]}
        with pytest.raises(InvalidArgument):
            await register(provider.parts.base.clients, client)


async def test_the_log_of_a_whole_flow_holds_no_secret(
    flow: Flow, browser: Browser, provider: Provider
) -> None:
    capture = LogCapture()
    structlog.configure(processors=[capture], cache_logger_on_first_use=False)
    try:
        code = await flow.code(browser, scope="openid offline_access")
        body = (await flow.redeem(code)).json()
        await flow.refresh(body["refresh_token"])
        await flow.refresh(body["refresh_token"])
        await flow.redeem(code)
        device = (await Flow(provider, "app").post("/device_authorization")).json()
        polling = {"grant_type": DEVICE_CODE, "device_code": device["device_code"]}
        await Flow(provider, "app").post("/token", **polling)
        await flow.post("/introspect", token=body["access_token"])
        await flow.post("/revoke", token=body["access_token"])
        await provider.http.post("/token", auth=("rp", f"{SECRET}x"))
    finally:
        structlog.reset_defaults()
    logged = json.dumps(capture.entries, default=str)
    assert {"login", "consent", "token.issue", "token.reuse"} <= {
        e["event"] for e in capture.entries
    }
    secrets = [code, flow.verifier, flow.state, flow.nonce, SECRET, PASSWORD]
    secrets += [device["device_code"], device["user_code"]]
    secrets += [body[name] for name in ("access_token", "refresh_token", "id_token")]
    secrets += [*browser.http.cookies.values()]
    assert not [secret for secret in secrets if secret in logged]


async def test_the_metadata_says_what_clients_should_rely_on(provider: Provider) -> None:
    """RFC 9700 §2.1.1, §2.6 and RFC 9207: so that clients need no settings to be safe."""
    metadata = (await provider.http.get("/.well-known/oauth-authorization-server")).json()
    assert metadata["issuer"] == provider.issuer
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert metadata["response_types_supported"] == ["code"]
    assert not {"implicit", "password"} & set(metadata["grant_types_supported"])
    assert "private_key_jwt" in metadata["token_endpoint_auth_methods_supported"]
    assert "ES256" in metadata["dpop_signing_alg_values_supported"]


async def test_a_flow_begun_by_another_site_ends_with_no_one_elses_account(
    flow: Flow, browser: Browser, provider: Provider
) -> None:
    """CSRF on the client (RFC 9700 §4.7): state and nonce come back as they were sent."""
    odd = "ä+ /&=%25\"<>'"
    flow = dataclasses.replace(flow, state=odd, nonce=odd)
    claims = await flow.id_token(await flow.tokens(browser))
    assert claims["nonce"] == odd

"""What another site, or another user, may try with somebody's browser. RFC 9700, OWASP."""

import re
from pathlib import Path
from urllib.parse import quote, urlencode

import httpx
import pytest

from identity.conformance.tests.browser import Browser, forms_of, headline
from identity.conformance.tests.provider import (
    BYE,
    CALLBACK,
    PASSWORD,
    USERNAME,
    WEB,
    Provider,
    provider_on,
    register,
)
from identity.conformance.tests.relying_party import Flow
from identity.tests.times import HandClock
from runtime.database import Database

EVIL = "https://evil.example"


def _cookies(response: httpx.Response) -> dict[str, str]:
    """Return what follows each cookie's name, attributes and all."""
    return dict(line.split("=", 1) for line in response.headers.get_list("set-cookie"))


async def _logged_in(browser: Browser, **typed: str) -> httpx.Response:
    page = await browser.get("/login")
    return await browser.press(
        page, "Log in", **{"username": USERNAME, "password": PASSWORD, **typed}
    )


@pytest.mark.parametrize(
    "return_to",
    [
        EVIL,
        "//evil.example/",
        "/\\evil.example/",
        "/\t/evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        "/device\\@evil.example",
        "/authorize/../..//evil.example",
        "/\u2028/evil.example",
        "/device?\r\nSet-Cookie: a=b",
    ],
)
async def test_a_log_in_leads_to_no_other_site(browser: Browser, return_to: str) -> None:
    page = await browser.get(f"/login?return_to={quote(return_to)}")
    answer = await browser.press(page, "Log in", username=USERNAME, password=PASSWORD)
    assert answer.status_code == 200
    assert headline(answer) in {"You are logged in", "Connect a device"}


@pytest.mark.parametrize("path", ["/login/", "/token/", "/authorize/", "/consent/", "/jwks/"])
async def test_no_path_redirects_to_the_host_that_the_request_names(
    provider: Provider, path: str
) -> None:
    """Starlette would: with 307, so the password too, and to whatever Host says."""
    for method in ("GET", "POST"):
        answer = await provider.http.request(method, path, headers={"Host": "evil.example"})
        assert answer.status_code == 404
        assert "location" not in answer.headers


async def test_the_host_header_is_in_no_answer(provider: Provider) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Accept": "text/html"}
    for path in ("/.well-known/openid-configuration", "/login", "/device", "/logout", "/nowhere"):
        answer = await provider.http.get(path, headers=headers)
        assert "evil" not in answer.text
        assert "evil" not in str(answer.headers)


async def test_no_redirection_keeps_the_method(flow: Flow, browser: Browser) -> None:
    """303 alone (RFC 9700 §4.12): with 307 a client would get the password."""
    page = await browser.get(flow.path())
    (form,) = forms_of(page)
    sent = form.fields | {"username": USERNAME, "password": PASSWORD}
    logged_in = await browser.http.post("/login", data=sent)
    assert logged_in.status_code == 303
    answer = await browser.go_through(await browser.get(logged_in.headers["location"]))
    assert answer.status_code == 303


async def test_a_log_in_makes_the_cookie_that_was_there_before_worthless(
    browser: Browser, provider: Provider
) -> None:
    await _logged_in(browser)
    planted = browser.http.cookies["bodega"]
    await _logged_in(browser)
    assert browser.http.cookies["bodega"] != planted
    async with Browser(provider.issuer, Cookie=f"bodega={planted}") as victim:
        assert headline(await victim.get("/")) == "Log in"


async def test_a_planted_cookie_becomes_no_session(browser: Browser) -> None:
    browser.http.headers["Cookie"] = "bodega=planted; bodega-visit=planted"
    (form,) = forms_of(await browser.get("/login"))
    sent = form.fields | {"username": USERNAME, "password": PASSWORD}
    logged_in = await browser.http.post("/login", data=sent)
    assert logged_in.status_code == 303
    assert not _cookies(logged_in)["bodega"].startswith("planted")
    async with Browser(browser.origin, Cookie="bodega=planted") as attacker:
        assert headline(await attacker.get("/")) == "Log in"


async def test_another_sites_form_logs_nobody_in(browser: Browser, provider: Provider) -> None:
    """Login CSRF: the victim would work, and pay, in the attacker's account."""
    async with Browser(provider.issuer) as attacker:
        (theirs,) = forms_of(await attacker.get("/login"))
    await browser.get("/login")
    sent = theirs.fields | {"username": USERNAME, "password": PASSWORD}
    refused = await browser.http.post("/login", data=sent)
    assert refused.status_code == 403
    assert "bodega" not in browser.http.cookies


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": EVIL}, {"Origin": "null"}]
)
async def test_a_form_sent_from_another_site_is_refused_whatever_is_in_it(
    browser: Browser, headers: dict[str, str]
) -> None:
    (form,) = forms_of(await browser.get("/login"))
    sent = form.fields | {"username": USERNAME, "password": PASSWORD}
    assert (await browser.http.post("/login", data=sent, headers=headers)).status_code == 403


async def test_consent_is_given_to_the_request_that_was_shown(
    flow: Flow, browser: Browser, provider: Provider
) -> None:
    """Consent CSRF: the token of one page allows nothing else, and nobody else's is good."""
    await _logged_in(browser)
    page = await browser.get(flow.path(scope="openid"))
    (form,) = forms_of(page)
    more = urlencode(Flow(provider, "rp2").parameters(scope="openid orders.write"))
    for changed in ({"request": more}, {"csrf": ""}, {"csrf": "x" * 43}, {"mark": "login.1.x"}):
        sent = form.fields | {"decision": "allow"} | changed
        assert (await browser.http.post("/consent", data=sent)).status_code == 403
    async with Browser(provider.issuer) as other:
        await _logged_in(other)
        sent = form.fields | {"decision": "allow"}
        assert (await other.http.post("/consent", data=sent)).status_code == 403


async def test_denying_gives_the_client_an_error_and_nothing_else(
    flow: Flow, browser: Browser
) -> None:
    await _logged_in(browser)
    answer = flow.answer(await browser.press(await browser.get(flow.path()), "Deny"))
    assert answer["error"] == "access_denied"
    assert "code" not in answer


async def test_another_site_logs_nobody_out(
    flow: Flow, browser: Browser, provider: Provider
) -> None:
    body = await flow.tokens(browser)
    async with Browser(provider.issuer) as attacker:
        theirs = await Flow(provider).tokens(attacker)
    for path in (
        "/logout",
        f"/logout?client_id=rp&post_logout_redirect_uri={quote(BYE)}",
        f"/logout?id_token_hint={theirs['id_token']}&post_logout_redirect_uri={quote(BYE)}",
    ):
        assert headline(await browser.get(path)) == "Log out?"
    assert headline(await browser.get("/")) == "You are logged in"
    hinted = f"/logout?id_token_hint={body['id_token']}&post_logout_redirect_uri={quote(BYE)}"
    assert (await browser.get(hinted)).headers["location"] == BYE
    assert headline(await browser.get("/")) == "Log in"


async def test_a_log_out_leads_only_where_the_client_registered(
    flow: Flow, browser: Browser
) -> None:
    body = await flow.tokens(browser)
    for uri in (EVIL, CALLBACK, f"{BYE}/", f"{BYE}?x=y"):
        asked = urlencode({"id_token_hint": body["id_token"], "post_logout_redirect_uri": uri})
        page = await browser.get(f"/logout?{asked}")
        assert page.status_code == 400
    without_client = urlencode({"post_logout_redirect_uri": BYE})
    assert (await browser.get(f"/logout?{without_client}")).status_code == 400


async def test_what_people_typed_is_no_markup(
    flow: Flow, browser: Browser, provider: Provider
) -> None:
    name = "<script>alert(1)</script>'\"&"
    await register(provider.parts.base.clients, {"client_id": "xss", "client_name": name, **WEB})
    page = await browser.get(Flow(provider, "xss").path(login_hint=name))
    assert "<script" not in page.text
    page = await browser.press(page, "Log in", username=name, password=name)
    assert page.status_code == 400
    assert "<script" not in page.text
    consent = await browser.press(page, "Log in", username=USERNAME, password=PASSWORD)
    assert headline(consent).startswith("Allow")
    assert "<script" not in consent.text
    error = await browser.get(flow.path(redirect_uri=name, client_id=name))
    assert error.status_code == 400
    assert "<script" not in error.text


async def test_every_page_may_neither_be_framed_nor_kept_nor_run_a_script(
    flow: Flow, browser: Browser
) -> None:
    """Clickjacking and referrer leakage (RFC 9700 §4.16, §4.2.4)."""
    await _logged_in(browser)
    paths = ("/", "/device", "/logout", "/logged-out", "/login", flow.path(), "/authorize")
    for page in [await browser.get(path) for path in paths]:
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script-src" not in policy
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] in {"same-origin", "no-referrer"}
        assert page.headers["x-content-type-options"] == "nosniff"
        assert "<script" not in page.text
        assert not re.findall(r'(?:href|src|action)="(?!/[^/])', page.text)


async def test_over_https_cookies_are_safe_from_scripts_networks_and_neighbours(
    sqlite: Database, tmp_path: Path, clock: HandClock
) -> None:
    issuer = "https://id.example"
    async with provider_on(sqlite, tmp_path, clock, issuer=issuer) as provider:
        page = await provider.http.get("/login")
        (visit,) = _cookies(page).items()
        (form,) = forms_of(page)
        sent = form.fields | {"username": USERNAME, "password": PASSWORD}
        cookie = {"Cookie": f"{visit[0]}={visit[1].partition(';')[0]}"}
        logged_in = await provider.http.post("/login", data=sent, headers=cookie)
    cookies = _cookies(logged_in) | dict([visit])
    assert set(cookies) == {"__Host-bodega", "__Host-bodega-visit", "__Host-bodega-known"}
    for attributes in cookies.values():
        assert {"httponly", "secure", "path=/", "samesite=lax"} <= {
            part.strip().lower() for part in attributes.split(";")
        }
        assert "domain" not in attributes.lower()
    assert logged_in.headers["strict-transport-security"].startswith("max-age=")


async def test_nobody_guesses_device_codes(browser: Browser) -> None:
    """20^8 codes, and five tries before it becomes slow (RFC 8628 §5.1)."""
    await _logged_in(browser)
    page = await browser.get("/device")
    answers = [await browser.press(page, "Continue", user_code=f"BCDFGHJ{c}") for c in "BCDFGHJ"]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [400] * 5 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) >= 1


async def test_a_link_alone_connects_no_device(provider: Provider, browser: Browser) -> None:
    """Remote phishing (RFC 8628 §5.4): the link fills the code in, the user still has to look."""
    started = (await Flow(provider, "app").post("/device_authorization")).json()
    await _logged_in(browser)
    page = await browser.get(started["verification_uri_complete"])
    page = await browser.press(page, "Continue")
    assert "Did somebody send you this code" in page.text
    (form,) = forms_of(page)
    forged = form.fields | {"user_code": "BCDFGHJK", "decision": "allow"}
    assert (await browser.http.post("/device/confirm", data=forged)).status_code == 403


async def test_a_wrong_password_and_an_unknown_user_look_the_same(browser: Browser) -> None:
    """That they take as long too, the passwords' own tests see."""
    wrong = await _logged_in(browser, password="wrong horse")
    unknown = await _logged_in(browser, username="nobody", password="wrong horse")
    assert wrong.status_code == unknown.status_code == 400
    neutral = unknown.text.replace("nobody", USERNAME)
    tokens = [form.fields["csrf"] for page in (wrong, unknown) for form in forms_of(page)]
    assert neutral.replace(tokens[1], "") == wrong.text.replace(tokens[0], "")


async def test_forwarded_addresses_are_not_believed(
    sqlite: Database, tmp_path: Path, clock: HandClock
) -> None:
    """Else each guess would come from an address of its own, and none would be locked."""
    async with (
        provider_on(sqlite, tmp_path, clock, lock_after=1) as provider,
        Browser(provider.issuer) as browser,
    ):
        (form,) = forms_of(await browser.get("/login"))
        statuses = []
        for number in range(11):
            sent = form.fields | {"username": f"user{number}", "password": "wrong horse"}
            headers = {"X-Forwarded-For": f"192.0.2.{number}"}
            answer = await browser.http.post("/login", data=sent, headers=headers)
            statuses.append(answer.status_code)
    assert statuses == [400] * 10 + [429]

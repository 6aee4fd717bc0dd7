"""The pages of the identity server in a real browser: seen, typed into, and listened to."""

import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from e2e.identity.accessibility import breaches, shows_focus, tab_stops
from e2e.identity.relying_party import RelyingParty
from e2e.identity.server import Identity, Person
from runtime.testing.browser import DESKTOP, PHONE, Browse, screenshot

# WCAG 2.2, 1.4.10: so narrow, and still nothing to scroll sideways.
NARROW = PHONE | {"viewport": {"width": 320, "height": 640}}
SCREENS: dict[str, dict[str, Any]] = {
    "desktop": DESKTOP,
    "phone": PHONE,
    "phone, dark": PHONE | {"color_scheme": "dark"},
    "narrow": NARROW,
    "no scripts": DESKTOP | {"java_script_enabled": False},
    "no scripts, phone": PHONE | {"java_script_enabled": False},
}


class Client(BaseHTTPRequestHandler):
    """The client's own site: where the browser is sent back to."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path != "/favicon.ico" else 204)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>App</title><p>Back.")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Say nothing."""


@pytest.fixture(scope="session")
def client_site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Client) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def party(identity: Identity, client_site: str) -> RelyingParty:
    return RelyingParty(identity.issuer, "app", f"{client_site}/callback")


def visit(browse: Browse, url: str, **options: Any) -> Page:
    page = browse(**options)
    page.goto(url)
    return page


def come_back(page: Page, party: RelyingParty) -> None:
    """Wait until the browser is at the client again."""
    page.wait_for_url(lambda url: url.startswith(party.redirect_uri))


def log_in(page: Page, person: Person) -> None:
    page.get_by_label("Username").fill(person.username)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Log in").click()


def picture(page: Page, name: str) -> None:
    """Keep a screenshot; nothing on the page is wider than the screen."""
    png = screenshot(page, name).read_bytes()
    assert page.viewport_size is not None
    assert int.from_bytes(png[16:20]) % page.viewport_size["width"] == 0, f"{name} scrolls sideways"


@pytest.mark.parametrize("screen", SCREENS)
def test_login_consent_code(
    browse: Browse, party: RelyingParty, identity: Identity, screen: str
) -> None:
    page = visit(browse, party.url(prompt="consent"), **SCREENS[screen])
    picture(page, f"1 login, {screen}")
    log_in(page, identity.person)
    expect(page.get_by_text("Example App").first).to_be_visible()
    expect(page.get_by_text("See your e-mail address")).to_be_visible()
    picture(page, f"2 consent, {screen}")
    page.get_by_role("button", name="Allow").click()
    come_back(page, party)
    tokens = party.redeem(page.url)
    assert set(tokens["scope"].split()) == {"openid", "profile", "email"}


def test_a_no_goes_back_to_the_client(
    browse: Browse, party: RelyingParty, identity: Identity
) -> None:
    page = visit(browse, party.url(prompt="consent"))
    log_in(page, identity.person)
    page.get_by_role("button", name="Deny").click()
    come_back(page, party)
    assert party.answer(page.url)["error"] == "access_denied"


def test_the_keyboard_is_enough(browse: Browse, party: RelyingParty, identity: Identity) -> None:
    page = visit(browse, party.url(prompt="consent"))
    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type(identity.person.username)
    page.keyboard.press("Tab")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(identity.person.password)
    page.keyboard.press("Enter")
    allow = page.get_by_role("button", name="Allow")
    allow.wait_for()
    names = [stop.inner_text() for stop in tab_stops(page)]
    assert {"Allow", "Deny"} <= set(names)
    allow.focus()
    page.keyboard.press("Enter")
    come_back(page, party)
    assert "code" in party.answer(page.url)


def test_what_is_wrong_is_said_beside_the_field(
    browse: Browse, party: RelyingParty, identity: Identity, complaints: list[str]
) -> None:
    page = visit(browse, party.url())
    log_in(page, Person(identity.person.username, "a wrong password"))
    alert = page.get_by_role("alert")
    expect(alert).to_be_visible()
    expect(page.get_by_label("Username")).to_have_value(identity.person.username)
    expect(page.get_by_label("Password")).to_have_value("")
    picture(page, "1 login, wrong password")
    assert breaches(page) == []
    complaints[:] = [text for text in complaints if not re.search("status of 4", text)]


def test_the_session_is_another_after_the_log_in(
    browse: Browse, party: RelyingParty, identity: Identity
) -> None:
    page = visit(browse, party.url(prompt="consent"))
    before = {cookie["value"] for cookie in page.context.cookies()}
    log_in(page, identity.person)
    page.get_by_role("button", name="Allow").wait_for()
    after = page.context.cookies()
    assert {cookie["value"] for cookie in after} - before
    for cookie in after:
        assert cookie["httpOnly"], cookie["name"]
        assert cookie["sameSite"] in {"Lax", "Strict"}, cookie["name"]


def test_the_back_button_breaks_nothing(
    browse: Browse, party: RelyingParty, identity: Identity
) -> None:
    page = visit(browse, party.url(prompt="consent"))
    log_in(page, identity.person)
    page.get_by_role("button", name="Allow").wait_for()
    page.go_back()
    page.go_forward()
    page.get_by_role("button", name="Allow").click()
    come_back(page, party)
    assert "code" in party.answer(page.url)


# Each page by its name, and how to come to it.
def _login(page: Page, party: RelyingParty, identity: Identity) -> None:
    page.goto(party.url())


def _consent(page: Page, party: RelyingParty, identity: Identity) -> None:
    page.goto(party.url(prompt="consent", scope="openid profile email offline_access things.write"))
    log_in(page, identity.person)
    page.get_by_role("button", name="Allow").wait_for()


def _device(page: Page, party: RelyingParty, identity: Identity) -> None:
    page.goto(f"{identity.issuer}/device")
    log_in(page, identity.person)
    page.get_by_role("button", name="Continue").wait_for()


def _device_decision(page: Page, party: RelyingParty, identity: Identity) -> None:
    form = {"client_id": "television", "scope": "openid offline_access"}
    started = httpx.post(f"{identity.issuer}/device_authorization", data=form, timeout=60).json()
    page.goto(started["verification_uri_complete"])
    log_in(page, identity.person)
    expect(page.get_by_label("Code")).to_have_value(started["user_code"])
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Allow").wait_for()


def _device_done(page: Page, party: RelyingParty, identity: Identity) -> None:
    _device_decision(page, party, identity)
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("button", name="Allow")).to_have_count(0)


def _logout(page: Page, party: RelyingParty, identity: Identity) -> None:
    _consent(page, party, identity)
    page.goto(f"{identity.issuer}/logout")
    page.get_by_role("button", name="Log out").wait_for()


def _signed_out(page: Page, party: RelyingParty, identity: Identity) -> None:
    _logout(page, party, identity)
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log out")).to_have_count(0)


def _refused(page: Page, party: RelyingParty, identity: Identity) -> None:
    page.goto(party.url(redirect_uri="https://elsewhere.example/"))


PAGES = {
    "login": _login,
    "consent": _consent,
    "device": _device,
    "device decision": _device_decision,
    "device done": _device_done,
    "logout": _logout,
    "signed out": _signed_out,
    "refused": _refused,
}


@pytest.fixture(params=PAGES)
def shown(
    request: pytest.FixtureRequest,
    browse: Browse,
    party: RelyingParty,
    identity: Identity,
    complaints: list[str],
) -> Iterator[tuple[str, Callable[..., Page]]]:
    def show(**options: Any) -> Page:
        page = browse(**options)
        PAGES[request.param](page, party, identity)
        return page

    yield request.param, show
    if request.param == "refused":  # Chromium notes the status of a page that is an error
        complaints[:] = [text for text in complaints if "status of 400" not in text]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_for_everybody(shown: tuple[str, Callable[..., Page]], scheme: str) -> None:
    name, show = shown
    page = show(**PHONE, color_scheme=scheme)
    picture(page, f"{name}, phone, {scheme}")
    assert breaches(page) == []


def test_the_focus_is_seen_on_every_page(shown: tuple[str, Callable[..., Page]]) -> None:
    name, show = shown
    page = show()
    picture(page, f"{name}, desktop")
    stops = tab_stops(page)
    assert stops or name in {"device done", "signed out", "refused"}
    unseen = [stop.evaluate("e => e.outerHTML") for stop in stops if not shows_focus(page, stop)]
    assert unseen == []


def test_every_page_fits_a_narrow_screen(shown: tuple[str, Callable[..., Page]]) -> None:
    name, show = shown
    picture(show(**NARROW), f"{name}, narrow")

import re
from pathlib import Path

import pytest

from identity.tests.browsing import Markup, Page
from identity.tests.shop import BYE, Shop, request, shop_on
from identity.tests.times import HandClock, stopped
from identity.web import assets
from runtime.database import Database

_POLICY = re.compile(
    r"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'( \S+)?;"
    r" frame-ancestors 'none'; base-uri 'none'"
)
_CSS = Path(assets.__file__).parent / "static" / "bodega.css"
# What is written on what: text at 4.5:1 (WCAG 2.2 §1.4.3).
_TEXTS = [
    ("ink", "page"),
    ("ink", "card"),
    ("ink", "quiet"),
    ("soft", "page"),
    ("soft", "card"),
    ("accent", "card"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("bad", "bad-ground"),
    ("warn", "warn-ground"),
]
# What shows where a control is and which one has the focus: 3:1 (§1.4.11).
_SHAPES = [("edge", "card"), ("focus", "card"), ("focus", "page"), ("accent", "card")]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Of SQLite alone: pages look the same on every database."""
    return sqlite_url


async def every_page(shop: Shop) -> dict[str, Page]:
    """Return each page there is, by what it is."""
    pages = {}
    browser = shop.browser()
    pages["login"] = await browser.open("/authorize", **request(scope="openid profile orders"))
    pages["wrong"] = await browser.log_in("alice", "wrong horse")
    pages["consent"] = await browser.log_in()
    pages["account"] = await browser.open("/authorize", **request(prompt="select_account"))
    pages["home"] = await browser.open("/")
    form = {"client_id": "app", "scope": "openid orders"}
    device = (await shop.http.post("/device_authorization", data=form)).json()
    pages["device"] = await browser.open("/device")
    pages["code"] = await browser.submit("Continue", user_code="BBBB-BBBB")
    pages["device-confirm"] = await browser.submit("Continue", user_code=device["user_code"])
    pages["forged"] = await browser.submit("Allow", drop=("csrf",))
    browser.page = pages["device-confirm"]
    pages["device-done"] = await browser.submit("Deny")
    pages["logout"] = await browser.open("/logout", client_id="web", post_logout_redirect_uri=BYE)
    pages["refused"] = await browser.open("/authorize", client_id="nobody")
    pages["missing"] = await browser.open("/nowhere")
    pages["method"] = await browser.open("/consent")
    await browser.open("/logout")
    pages["logged-out"] = await browser.submit("Log out")
    return pages


async def test_every_page_is_whole_and_can_be_used_by_everybody(shop: Shop) -> None:
    pages = await every_page(shop)
    assert [p.status for p in pages.values()].count(200) == 9
    for name, page in pages.items():
        assert page.response.headers["content-type"] == "text/html; charset=utf-8", name
        assert page.response.text.startswith("<!doctype html>"), name
        check_structure(page.markup)
        check_controls(page.markup)


def check_structure(markup: Markup) -> None:
    assert markup.unclosed == []
    assert markup.all("html") == [{"lang": "en"}]
    assert len(markup.all("h1")) == len(markup.all("main")) == 1
    assert markup.texts["h1"][0].strip()
    (title,) = markup.texts["title"]
    assert title.endswith(" · Bodega")
    ids = [attributes["id"] for _, attributes in markup.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all("alt" in image for image in markup.all("img"))


def check_controls(markup: Markup) -> None:
    ids = {attributes.get("id") for _, attributes in markup.elements}
    labelled = {label["for"] for label in markup.all("label")}
    inputs = [each for each in markup.all("input") if each.get("type") != "hidden"]
    assert {each["id"] for each in inputs} == labelled
    assert all(each["autocomplete"] for each in inputs)
    for _, attributes in markup.elements:
        assert set(attributes.get("aria-describedby", "").split()) <= ids
    assert sum("autofocus" in attributes for _, attributes in markup.elements) <= 1
    assert all(button["type"] == "submit" for button in markup.all("button"))
    assert all(text.strip() for text in markup.texts.get("button", []))


async def test_no_page_has_anything_that_the_policy_would_not_let_run(shop: Shop) -> None:
    for name, page in (await every_page(shop)).items():
        headers = page.response.headers
        assert _POLICY.fullmatch(headers["content-security-policy"]), name
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"
        for tag, attributes in page.markup.elements:
            assert tag not in {"script", "style", "iframe", "object", "base"}, name
            assert not [key for key in attributes if key == "style" or key.startswith("on")], name


async def test_every_form_that_changes_something_carries_its_own_token(shop: Shop) -> None:
    tokens = []
    for page in (await every_page(shop)).values():
        for form in page.markup.forms:
            assert form.method == "post"
            tokens.append((form.action, form.fields["csrf"]))
    assert len({token for _, token in tokens}) >= len({action for action, _ in tokens}) >= 6


async def test_what_a_page_links_to_is_there_and_kept_for_a_year(shop: Shop) -> None:
    page = await shop.browser().open("/login")
    (logo,) = page.markup.all("img")
    sheet = next(link for link in page.markup.all("link") if link["rel"] == "stylesheet")
    for path, media_type in ((logo["src"], "image/svg+xml"), (sheet["href"], "text/css")):
        answer = await shop.http.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(media_type)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (await shop.http.get(path.replace(".", ".0", 1))).status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [("username", "username"), ("password", "current-password"), ("user_code", "one-time-code")],
)
async def test_browsers_know_what_to_fill_in(shop: Shop, field: str, value: str) -> None:
    browser = await shop.logged_in()
    pages = [await browser.open("/login"), await browser.open("/device")]
    inputs = [each for page in pages for each in page.markup.all("input")]
    assert [each["autocomplete"] for each in inputs if each["name"] == field] == [value]


async def test_an_error_is_a_page_for_people_and_none_for_programs(shop: Shop) -> None:
    page = await shop.browser().open("/nowhere")
    assert (page.status, page.title) == (404, "There is no such page")
    assert (await shop.http.get("/nowhere", headers={"Accept": "*/*"})).text == ""
    answer = await shop.http.get("/consent", headers={"Accept": "text/html"})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


async def test_too_many_requests_of_one_address_get_a_page(
    database: Database, tmp_path: Path, clock: HandClock
) -> None:
    async with shop_on(database, tmp_path, clock, stopped, address_rate=3) as shop:
        browser = shop.browser()
        statuses = [(await browser.open("/login")).status for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        assert browser.page is not None
        assert browser.page.title == "Too many requests"
        assert int(browser.page.response.headers["retry-after"]) == 1


async def test_a_window_that_a_client_opened_can_come_back_to_it(shop: Shop) -> None:
    for answer in (
        await shop.http.get("/authorize", params=request()),
        await shop.http.get("/login"),
    ):
        assert answer.headers["cross-origin-opener-policy"] == "unsafe-none"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colours_can_be_told_apart(scheme: str) -> None:
    light, dark = _CSS.read_text().split("@media (prefers-color-scheme: dark)")
    colours = dict(re.findall(r"--([a-z-]+): #([0-9a-f]{6});", dark if scheme == "dark" else light))
    for pairs, least in ((_TEXTS, 4.5), (_SHAPES, 3.0)):
        for one, other in pairs:
            ratio = contrast(colours[one], colours[other])
            assert ratio >= least, f"{one} on {other}: {ratio:.2f}"


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_style_sheet_keeps_to_what_people_ask_of_their_system() -> None:
    sheet = _CSS.read_text()
    for query in ("prefers-reduced-motion", "prefers-color-scheme", "forced-colors"):
        assert query in sheet
    assert ":focus-visible" in sheet
    assert "outline: none" not in sheet
    assert "@import" not in sheet
    assert "url(" not in sheet

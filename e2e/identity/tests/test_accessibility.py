"""The checks that the pages pass are ones that a bad page fails."""

import pytest

from e2e.identity.accessibility import breaches, shows_focus, tab_stops
from runtime.testing.browser import Browse

GOOD = """<!doctype html><html lang=en><title>Good</title>
<main><h1>Good</h1><label>Name <input></label> <button>Send</button></main>"""


def test_a_good_page_has_no_breaches(browse: Browse) -> None:
    page = browse()
    page.set_content(GOOD)
    assert breaches(page) == []


@pytest.mark.parametrize(
    ("good", "bad", "rule"),
    [
        ("<label>Name <input></label>", "Name <input>", "label"),
        ("<h1>", "<h1 style='color: #aaa'>", "color-contrast"),
        ("<html lang=en>", "<html>", "html-has-lang"),
        ("<button>Send", "<button>", "button-name"),
        ("<title>Good</title>", "", "document-title"),
    ],
)
def test_a_bad_page_has_its_breach(browse: Browse, good: str, bad: str, rule: str) -> None:
    page = browse()
    page.set_content(GOOD.replace(good, bad))
    assert any(breach.startswith(f"{rule}:") for breach in breaches(page))


def test_the_stops_are_in_the_order_of_the_tab_key(browse: Browse) -> None:
    page = browse()
    page.set_content(GOOD)
    tags = [stop.evaluate("element => element.tagName") for stop in tab_stops(page)]
    assert tags == ["INPUT", "BUTTON"]


@pytest.mark.parametrize(("style", "seen"), [("", True), ("outline: none", False)])
def test_a_focus_without_an_outline_is_not_seen(browse: Browse, style: str, seen: bool) -> None:
    page = browse()
    page.set_content(GOOD.replace("<button>", f"<button style='{style}'>"))
    assert shows_focus(page, page.get_by_role("button")) is seen

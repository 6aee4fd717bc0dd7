"""A real browser shows a page of this machine, and nothing it complains of goes by unseen."""

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from runtime.testing.browser import PHONE, Browse, screenshot

STYLE = "body { font: 20px sans-serif; background: #fff } h1 { color: #b00 }"
SCRIPT = "document.title = 'Written by a script'"


class Pages(SimpleHTTPRequestHandler):
    """Files, with a policy that lets no inline script or style pass."""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", "default-src 'self'")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Say nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "style.css").write_text(STYLE)
    (tmp_path / "script.js").write_text(SCRIPT)
    (tmp_path / "favicon.ico").touch()
    viewport = "<meta name=viewport content='width=device-width'>"
    page = f"<!doctype html><title>Plain</title>{viewport}{{}}<h1>Bodega</h1>"
    links = "<link rel=stylesheet href=style.css><script src=script.js></script>"
    (tmp_path / "good.html").write_text(page.format(links))
    (tmp_path / "inline.html").write_text(page.format(f"<script>{SCRIPT}</script>"))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Pages, directory=tmp_path)) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_page_is_shown_with_its_style_and_script(site: str, browse: Browse) -> None:
    page = browse()
    page.goto(f"{site}/good.html")
    assert page.title() == "Written by a script"
    colour = page.locator("h1").evaluate("heading => getComputedStyle(heading).color")
    assert colour == "rgb(187, 0, 0)"


@pytest.mark.parametrize("family", ["sans-serif", "serif", "system-ui"])
def test_text_is_in_a_font_for_reading(site: str, browse: Browse, family: str) -> None:
    page = browse()
    page.goto(f"{site}/good.html")
    heading = page.locator("h1")
    style = {"display": "inline", "fontFamily": family}
    heading.evaluate("(heading, style) => { Object.assign(heading.style, style) }", style)
    widths = "text => ['i', 'W'].map(c => { text.textContent = c; return text.offsetWidth })"
    narrow, wide = heading.evaluate(widths)
    assert 0 < narrow < wide


def test_a_screenshot_is_kept_and_is_as_wide_as_the_screen(site: str, browse: Browse) -> None:
    page = browse(**PHONE)
    page.goto(f"{site}/good.html")
    png = screenshot(page, "static page, phone").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(png[16:20]) == 360 * 2


def test_without_scripts_a_page_stays_as_it_was_sent(site: str, browse: Browse) -> None:
    page = browse(java_script_enabled=False)
    page.goto(f"{site}/good.html")
    assert page.title() == "Plain"


@pytest.mark.parametrize(
    ("path", "complaint"),
    [("inline.html", "Content Security Policy"), ("missing.html", "404")],
)
def test_what_a_page_complains_of_is_noted(
    site: str, browse: Browse, complaints: list[str], path: str, complaint: str
) -> None:
    page = browse()
    page.goto(f"{site}/{path}")
    assert any(complaint in text for text in complaints), complaints
    complaints.clear()

"""What a browser does: keep cookies, follow redirections, fill in forms and press buttons."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self, override
from urllib.parse import urljoin

import httpx

from identity.conformance.tests.provider import PASSWORD, USERNAME
from runtime.testing.waiting import PATIENCE_SECONDS

type Attributes = list[tuple[str, str | None]]

_MOST_REDIRECTIONS = 20


@dataclass
class Form:
    """A form as it stands: where it goes, and what it would send without any button."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    # Of each button, its text and what it adds.
    buttons: dict[str, dict[str, str]] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._button: dict[str, str] | None = None

    @override
    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert given["method"] == "post"
            self.forms.append(Form(given["action"]))
        elif tag == "input":
            self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif tag == "button":
            self._button = {given["name"]: given["value"]} if "name" in given else {}

    @override
    def handle_data(self, data: str) -> None:
        if self._button is not None:
            self.forms[-1].buttons[data.strip()] = self._button
            self._button = None


class Browser:
    """One browser. It stops where a redirection leads to another host: there a client waits."""

    def __init__(self, origin: str, **headers: str) -> None:
        self.origin = origin
        headers = {"Accept": "text/html", **headers}
        self.http = httpx.AsyncClient(base_url=origin, headers=headers, timeout=PATIENCE_SECONDS)
        # The pages that were shown, by their headlines.
        self.shown: list[str] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.http.aclose()

    async def get(self, url: str) -> httpx.Response:
        """Go to an address, and on to where it leads."""
        return await self._settle(await self.http.get(url))

    async def post(self, url: str, form: dict[str, str]) -> httpx.Response:
        """Send a form, and go on to where it leads."""
        return await self._settle(await self.http.post(url, data=form))

    async def press(self, page: httpx.Response, button: str, **typed: str) -> httpx.Response:
        """Fill in and send the form that has the button."""
        form = next(form for form in forms_of(page) if button in form.buttons)
        headers = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        sent = {**form.fields, **typed, **form.buttons[button]}
        url = urljoin(str(page.url), form.action)
        return await self._settle(await self.http.post(url, data=sent, headers=headers))

    async def go_through(self, page: httpx.Response) -> httpx.Response:
        """Log in and consent as asked, until the browser is sent to the client."""
        while page.status_code == 200:
            page = await self._answer(page)
        return page

    async def _answer(self, page: httpx.Response) -> httpx.Response:
        buttons = {text for form in forms_of(page) for text in form.buttons}
        if "Log in" in buttons:
            return await self.press(page, "Log in", username=USERNAME, password=PASSWORD)
        assert "Allow" in buttons, page.text
        return await self.press(page, "Allow")

    async def _settle(self, response: httpx.Response) -> httpx.Response:
        for _ in range(_MOST_REDIRECTIONS):
            if not response.has_redirect_location:
                break
            location = urljoin(str(response.url), response.headers["location"])
            if not location.startswith(f"{self.origin}/"):
                return response
            response = await self.http.get(location)
        assert not response.has_redirect_location, "too many redirections"
        self.shown.append(headline(response))
        return response


def forms_of(page: httpx.Response) -> list[Form]:
    """Return the forms of a page."""
    parser = _Forms()
    parser.feed(page.text)
    return parser.forms


def headline(page: httpx.Response) -> str:
    """Return what a page says first."""
    text = page.text.partition("<h1>")[2].partition("</h1>")[0]
    return "".join(part.partition(">")[2] or part for part in text.split("<"))

"""A person at a browser: cookies, redirections, and forms with the fields they came with."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self, override
from urllib.parse import urljoin

import httpx

USERNAME, PASSWORD = "alice", "correct horse battery"


@dataclass
class Form:
    """A form, and what its buttons add to its fields."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, dict[str, str]] = field(default_factory=dict)


class Forms(HTMLParser):
    """The forms of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._button: dict[str, str] | None = None
        self.feed(html)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(attributes["action"]))
        if tag == "input" and self.found:
            self.found[-1].fields[attributes["name"]] = attributes.get("value", "")
        if tag == "button":
            self._button = {attributes["name"]: attributes["value"]} if "name" in attributes else {}

    @override
    def handle_data(self, data: str) -> None:
        if self._button is not None and self.found:
            self.found[-1].buttons[data.strip()] = self._button
            self._button = None


class Browser:
    """Opens pages and presses buttons."""

    def __init__(self) -> None:
        self._http = httpx.AsyncClient(
            follow_redirects=True, headers={"Accept": "text/html"}, timeout=60
        )
        self.page: httpx.Response | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def open(self, url: str) -> None:
        self.page = await self._http.get(url)

    async def press(self, button: str, **fields: str) -> None:
        assert self.page is not None
        form = next(form for form in Forms(self.page.text).found if button in form.buttons)
        url = httpx.URL(urljoin(str(self.page.url), form.action))
        data = {**form.fields, **form.buttons[button], **fields}
        origin = f"{url.scheme}://{url.netloc.decode()}"
        headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
        self.page = await self._http.post(url, data=data, headers=headers)

    async def decide(self, verification_uri: str, user_code: str, decision: str) -> None:
        """Log in, type the code in, and allow or deny."""
        await self.open(verification_uri)
        await self.press("Log in", username=USERNAME, password=PASSWORD)
        await self.press("Continue", user_code=user_code)
        await self.press(decision)
        assert self.page is not None
        assert self.page.status_code == 200, self.page.text

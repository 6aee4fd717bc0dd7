"""A browser for tests: cookies, forms and redirections as browsers do them, over a real socket."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import Morsel, SimpleCookie
from typing import Any, override
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

ISSUER = "https://id.example.com"
_VOID = {"input", "meta", "link", "img", "br", "hr"}


@dataclass
class Form:
    """A form with its fields as they stand."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, dict[str, str]] = field(default_factory=dict)


class Markup(HTMLParser):
    """What a test looks at of a page: every element with its attributes, forms, and texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.forms: list[Form] = []
        self.texts: dict[str, list[str]] = {}
        self.unclosed: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if tag not in _VOID:
            self.unclosed.append(tag)
            self.texts.setdefault(tag, []).append("")
        if tag == "form":
            self.forms.append(Form(attributes["action"], attributes["method"]))
        if tag == "input" and self.forms:
            self.forms[-1].fields[attributes["name"]] = attributes.get("value", "")

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag, f"</{tag}> closes nothing"
        if tag == "button" and self.forms:
            attributes = next(a for t, a in reversed(self.elements) if t == "button")
            pressed = {attributes["name"]: attributes["value"]} if "name" in attributes else {}
            self.forms[-1].buttons[self.texts["button"][-1]] = pressed

    @override
    def handle_data(self, data: str) -> None:
        self.text += data
        for tag in set(self.unclosed):
            self.texts[tag][-1] += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for each, attributes in self.elements if each == tag]


@dataclass
class Page:
    """Where a browser ended up."""

    url: str
    response: httpx.Response

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def markup(self) -> Markup:
        return Markup(self.response.text)

    @property
    def title(self) -> str:
        return self.markup.texts["h1"][0].strip()

    @property
    def query(self) -> dict[str, str]:
        """What it was brought there with."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.url).query).items()}


class Browser:
    """Follows redirections while they stay with the issuer; what is elsewhere it does not open.

    The issuer is https, as it would be behind a proxy that ends TLS; the socket is not.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.cookies: dict[str, Morsel[str]] = {}
        self.page: Page | None = None
        self.visited: list[str] = []

    async def open(self, path: str, **parameters: str) -> Page:
        """Type an address, or follow a link from elsewhere."""
        url = urljoin(ISSUER, path)
        if parameters:
            url = str(httpx.URL(url, params=parameters))
        return await self._go("GET", url, None, {"Sec-Fetch-Site": "none"})

    async def submit(
        self,
        button: str,
        headers: dict[str, str] | None = None,
        drop: tuple[str, ...] = (),
        **fields: str,
    ) -> Page:
        """Press a button of the page, with its fields filled in."""
        assert self.page is not None
        form = next(form for form in self.page.markup.forms if button in form.buttons)
        data = {**form.fields, **form.buttons[button], **fields}
        data = {name: value for name, value in data.items() if name not in drop}
        sent = {"Origin": ISSUER, "Sec-Fetch-Site": "same-origin", **(headers or {})}
        return await self._go("POST", urljoin(self.page.url, form.action), data, sent)

    async def log_in(self, username: str = "alice", password: str = "correct horse") -> Page:  # noqa: S107
        return await self.submit("Log in", username=username, password=password)

    def cookie(self, name: str) -> str | None:
        morsel = self.cookies.get(name)
        return morsel.value if morsel else None

    async def _go(
        self, method: str, url: str, data: dict[str, str] | None, headers: dict[str, str]
    ) -> Page:
        self.visited = []
        for _ in range(12):
            self.visited.append(url)
            response = await self._send(method, url, data, headers)
            if response.status_code != 303:
                break
            method, data = "GET", None
            url = urljoin(url, response.headers["location"])
            if not url.startswith(f"{ISSUER}/"):
                break
        else:
            raise AssertionError(f"redirected for ever: {self.visited}")
        self.page = Page(url, response)
        return self.page

    async def _send(
        self, method: str, url: str, data: dict[str, str] | None, headers: dict[str, str]
    ) -> httpx.Response:
        known = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
        sent = {"Accept": "text/html", **headers, **({"Cookie": known} if known else {})}
        path = url.removeprefix(ISSUER)
        response = await self._http.request(method, path, data=data, headers=sent)
        self._keep(response)
        return response

    def _keep(self, response: httpx.Response) -> None:
        for line in response.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel


def attributes(morsel: Morsel[str]) -> dict[str, Any]:
    """Return what is set of a cookie, but for its value."""
    return {name: value for name, value in morsel.items() if value}

"""Renders the pages, with the headers that every one of them needs."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse

from identity.web.assets import Assets
from identity.web.links import Links

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Not no-referrer, with which browsers hide the origin of a form from ourselves too.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Pages:
    """The templates, and what they all know."""

    def __init__(self, links: Links, assets: Assets) -> None:
        self._globals = {"links": links, "asset": assets.path}

    @cached_property
    def _environment(self) -> Environment:
        """Made with the first page: Jinja2 takes 3 MB, and programs are shown none."""
        made = _environment()
        made.globals |= self._globals
        return made

    def render(
        self,
        template: str,
        *,
        status: int = 200,
        form_targets: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        **context: object,
    ) -> HTMLResponse:
        """Return a page. `form_targets`: where its forms lead to, other than to ourselves."""
        html = self._environment.get_template(f"{template}.html").render(context)
        policy = {"Content-Security-Policy": _policy(form_targets)}
        return HTMLResponse(html, status, {**_HEADERS, **policy, **(headers or {})})


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _policy(form_targets: Sequence[str]) -> str:
    rules = (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        " ".join(("form-action 'self'", *form_targets)),
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
    return "; ".join(rules)

"""What all pages share: who is there, which forms they may send, and how pages look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from identity.abuse.addresses import ClientAddresses
from identity.audit import Outcome, audit
from identity.model import Session, User
from identity.secrets import new_secret
from identity.users.sessions import Sessions
from identity.users.users import Users
from identity.web.cookies import Cookies
from identity.web.csrf import Csrf, ForgedError
from identity.web.forms import form_of
from identity.web.links import Links
from identity.web.pages import Pages


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser, as it comes with a request. `cookie` is what its forms are bound to."""

    request: Request
    address: str
    session: Session | None
    session_cookie: str | None
    cookie: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The parts that every page is made with."""

    links: Links
    pages: Pages
    cookies: Cookies
    csrf: Csrf
    sessions: Sessions
    users: Users
    addresses: ClientAddresses

    async def visit(self, request: Request) -> Visit:
        """Find out who is there."""
        session_cookie = self.cookies.read(request, self.cookies.session)
        session = await self.sessions.current(session_cookie)
        cookie = session_cookie if session else self.cookies.read(request, self.cookies.visit)
        return Visit(request, self.address(request), session, session_cookie, cookie)

    def address(self, request: Request) -> str:
        """Return the address that answers for a request."""
        peer = request.client.host if request.client else None
        return self.addresses.of(peer, request.headers.getlist("x-forwarded-for"))

    async def user(self, visit: Visit) -> User | None:
        """Return who is logged in."""
        return await self.users.get(visit.session.user_id) if visit.session else None

    def page(
        self,
        visit: Visit,
        template: str,
        *,
        status: int = 200,
        form_targets: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        **context: object,
    ) -> Response:
        """Return a page with forms; where the browser has no cookie to bind them to, with one."""
        cookie = visit.cookie or new_secret()
        response = self.pages.render(
            template,
            status=status,
            form_targets=form_targets,
            headers=headers,
            csrf=lambda action: self.csrf.token(cookie, action),
            **context,
        )
        if visit.cookie is None:
            self.cookies.set(response, self.cookies.visit, cookie)
        return response

    async def form(self, visit: Visit, action: str, *bound: str) -> Mapping[str, str]:
        """Return the fields of a form of ours; ForgedError where it is not.

        `bound` names fields that must be as they were in the page that was sent.
        """
        fields = dict(await form_of(visit.request))
        bound_action = bind(action, *(fields.get(name, "") for name in bound))
        try:
            self.csrf.check(visit.request, fields, visit.cookie, bound_action)
        except ForgedError as error:
            audit("form", Outcome.FAILURE, reason=str(error), form=action, address=visit.address)
            raise
        return fields


def bind(action: str, *values: str) -> str:
    """Return what the token of a form is made for, which fixes some of its fields."""
    return "\0".join((action, *values))


def go(location: str) -> Response:
    """Send the browser on with a GET, whatever it came with (RFC 9700 §4.12: never 307)."""
    return RedirectResponse(location, 303, {"Cache-Control": "no-store"})

"""The log-in."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from identity.abuse.lockout import Attempt, Lockout
from identity.audit import Outcome, audit
from identity.logout.sign_out import SignOut
from identity.model import Session, User
from identity.protocol.asked import Asked
from identity.protocol.authorization import Authorization
from identity.users.users import fold
from identity.web.forms import parse, query_of
from identity.web.known_browsers import LIFETIME_SECONDS, KnownBrowsers
from identity.web.links import form_target
from identity.web.marks import PARAMETER, Did, Marks
from identity.web.site import Site, Visit, go

WRONG = "That username and password do not match. Check both and try again."


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a log-in leads, and for which client's request it is, if for any."""

    path: str
    asked: Asked | None


class LoginPages:
    """Shows the form, and starts sessions."""

    def __init__(
        self,
        site: Site,
        authorization: Authorization,
        lockout: Lockout,
        known_browsers: KnownBrowsers,
        marks: Marks,
        sign_out: SignOut,
    ) -> None:
        self._site = site
        self._authorization = authorization
        self._lockout = lockout
        self._known_browsers = known_browsers
        self._marks = marks
        self._sign_out = sign_out

    async def show(self, request: Request) -> Response:
        """GET /login."""
        visit = await self._site.visit(request)
        destination = await self._destination(dict(query_of(request)).get("return_to", ""))
        return self._page(visit, destination, await self._expected_username(visit, destination))

    async def log_in(self, request: Request) -> Response:
        """POST /login."""
        visit = await self._site.visit(request)
        form = await self._site.form(visit, "login")
        destination = await self._destination(form.get("return_to", ""))
        username = form.get("username", "")
        attempt = await self._lockout.attempt(*self._subjects(visit, username))
        if attempt.wait is not None:
            return await self._locked(visit, destination, username, attempt.wait)
        user = await self._site.users.authenticate(username, form.get("password", ""))
        if user is None:
            await self._audit_failure(visit, username, "password")
            return self._page(visit, destination, username, error=WRONG, status=400)
        return await self._succeed(visit, destination, user, attempt)

    async def choose(self, request: Request) -> Response:
        """POST /select-account: go on as who is logged in."""
        visit = await self._site.visit(request)
        form = await self._site.form(visit, "account")
        return_to = form.get("return_to", "")
        if visit.session is None:
            return go(self._site.links("/login", return_to=return_to))
        destination = await self._destination(return_to)
        return go(self._marked(destination, Did.CHOOSE, visit.session))

    def _subjects(self, visit: Visit, username: str) -> tuple[str, ...]:
        folded = fold(username)
        cookie = self._site.cookies.read(visit.request, self._site.cookies.known)
        known = self._known_browsers.read(cookie, folded)
        if known is not None:
            return (f"browser:{known}",)
        return f"account:{folded}", f"address:{visit.address}"

    async def _destination(self, return_to: str) -> Destination:
        """Return where to go; Refused or Redirected where the client's request is wrong."""
        query = self._site.links.asked_query(return_to)
        if query is None:
            return Destination(self._site.links.own(return_to), None)
        parameters = [(name, value) for name, value in parse(query) if name != PARAMETER]
        asked = await self._authorization.examine(parameters)
        return Destination(self._site.links.authorize(asked.query), asked)

    async def _expected_username(self, visit: Visit, destination: Destination) -> str:
        if destination.asked is not None and destination.asked.login_hint:
            return destination.asked.login_hint
        user = await self._site.user(visit)
        return user.username if user else ""

    def _page(
        self,
        visit: Visit,
        destination: Destination,
        username: str,
        *,
        error: str | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        asked = destination.asked
        return self._site.page(
            visit,
            "login",
            status=status,
            headers=headers,
            form_targets=[form_target(asked.redirect_uri)] if asked else [],
            client=asked.client.client_name if asked else None,
            username=username,
            return_to=destination.path,
            error=error,
        )

    async def _locked(
        self, visit: Visit, destination: Destination, username: str, wait: int
    ) -> Response:
        await self._audit_failure(visit, username, "locked")
        error = f"Too many attempts. Try again in {spoken(wait)}."
        headers = {"Retry-After": str(wait)}
        return self._page(visit, destination, username, error=error, status=429, headers=headers)

    async def _audit_failure(self, visit: Visit, username: str, reason: str) -> None:
        """Name the user, but never what was typed: some type their password there."""
        user = await self._site.users.find(username)
        user_id = user.user_id if user else None
        audit("login", Outcome.FAILURE, reason=reason, user_id=user_id, address=visit.address)

    async def _succeed(
        self, visit: Visit, destination: Destination, user: User, attempt: Attempt
    ) -> Response:
        await self._lockout.succeed(attempt)
        if visit.session is not None and visit.session.user_id != user.user_id:
            await self._sign_out.end(visit.session)
        cookie, session = await self._site.sessions.start(user.user_id, visit.session_cookie)
        audit(
            "login",
            Outcome.SUCCESS,
            user_id=user.user_id,
            sid=session.sid,
            client_id=destination.asked.client.client_id if destination.asked else None,
            address=visit.address,
        )
        response = go(self._marked(destination, Did.LOG_IN, session))
        cookies = self._site.cookies
        cookies.set(response, cookies.session, cookie)
        known = self._known_browsers.make(user.username)
        cookies.set(response, cookies.known, known, max_age=LIFETIME_SECONDS)
        cookies.clear(response, cookies.visit)
        return response

    def _marked(self, destination: Destination, did: Did, session: Session) -> str:
        if destination.asked is None:
            return destination.path
        mark = self._marks.make(did, session, destination.asked.query)
        return f"{destination.path}&{PARAMETER}={mark}"


def spoken(seconds: int) -> str:
    """Return a time to wait in words."""
    if seconds < 90:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    return f"{-(-seconds // 60)} minutes"

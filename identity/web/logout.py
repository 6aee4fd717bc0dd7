"""The log-out (OpenID Connect RP-Initiated Logout), and the first page."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from identity.audit import Outcome, audit
from identity.logout.sign_out import SignOut
from identity.protocol.end_session import Logout, LogoutRequest
from identity.web.forms import form_of, parse, query_of
from identity.web.links import form_target
from identity.web.site import Site, Visit, bind, go


class LogoutPages:
    """Ends sessions: at once where a client shows an ID token of it, else after asking."""

    def __init__(self, site: Site, logout: Logout, sign_out: SignOut) -> None:
        self._site = site
        self._logout = logout
        self._sign_out = sign_out

    async def home(self, request: Request) -> Response:
        """GET /: who is logged in."""
        visit = await self._site.visit(request)
        user = await self._site.user(visit)
        if user is None:
            return go(self._site.links("/login"))
        return self._site.page(visit, "home", user=user)

    async def begin(self, request: Request) -> Response:
        """GET /logout."""
        visit = await self._site.visit(request)
        parameters = query_of(request)
        asked = await self._logout.examine(parameters)
        if visit.session is None:
            return self._gone(asked)
        if asked.sid is not None and asked.sid == visit.session.sid:
            return await self._end(visit, asked)
        return await self._confirmation(visit, asked, urlencode(parameters))

    async def post(self, request: Request) -> Response:
        """POST /logout: the same by GET, which a form of another site has our cookies with."""
        parameters = await form_of(request)
        await self._logout.examine(parameters)
        return go(f"{self._site.links('/logout')}?{urlencode(parameters)}")

    async def confirm(self, request: Request) -> Response:
        """POST /logout/confirm."""
        visit = await self._site.visit(request)
        form = await self._site.form(visit, "logout", "request")
        asked = await self._logout.examine(parse(form.get("request", "")))
        return await self._end(visit, asked)

    async def gone(self, request: Request) -> Response:
        """GET /logged-out."""
        return self._site.page(await self._site.visit(request), "logged_out")

    async def _confirmation(self, visit: Visit, asked: LogoutRequest, query: str) -> Response:
        targets = [form_target(asked.redirect_uri)] if asked.redirect_uri else []
        return self._site.page(
            visit,
            "logout",
            form_targets=targets,
            action=bind("logout", query),
            client=asked.client.client_name if asked.client else None,
            user=await self._site.user(visit),
            request=query,
        )

    async def _end(self, visit: Visit, asked: LogoutRequest) -> Response:
        if visit.session is not None and await self._sign_out.end(visit.session):
            audit(
                "logout",
                Outcome.SUCCESS,
                user_id=visit.session.user_id,
                sid=visit.session.sid,
                client_id=asked.client.client_id if asked.client else None,
                address=visit.address,
            )
        response = self._gone(asked)
        self._site.cookies.clear(response, self._site.cookies.session)
        return response

    def _gone(self, asked: LogoutRequest) -> Response:
        return go(asked.redirect_uri or self._site.links("/logged-out"))

"""The authorization endpoint and the consent that it may need."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from identity.asking import SessionEnded
from identity.audit import Outcome, audit
from identity.model import Session
from identity.protocol.asked import Asked
from identity.protocol.authorization import Authorization
from identity.protocol.request import Parameters
from identity.users.consents import Consents
from identity.web.decision import OFFLINE, Step, next_step
from identity.web.forms import form_of, parse, query_of
from identity.web.links import form_target
from identity.web.marks import PARAMETER, Did, Marks
from identity.web.site import Site, Visit, bind, go
from identity.web.words import Words
from runtime.clock import Clock, now_micros

# What a client hears that asked for no page where one is needed (OpenID Connect Core §3.1.2.6).
_NOT_WITHOUT_A_PAGE = {
    Step.LOG_IN: ("login_required", "The user must log in."),
    Step.WRONG_USER: ("login_required", "Another user is logged in."),
    Step.CHOOSE_ACCOUNT: ("account_selection_required", "The user must choose an account."),
    Step.CONSENT: ("consent_required", "The user must consent."),
}


class AuthorizePages:
    """Leads a browser from a client's request to the answer."""

    def __init__(
        self,
        site: Site,
        authorization: Authorization,
        consents: Consents,
        marks: Marks,
        words: Words,
        *,
        clock: Clock = now_micros,
    ) -> None:
        self._site = site
        self._authorization = authorization
        self._consents = consents
        self._marks = marks
        self._words = words
        self._clock = clock

    async def begin(self, request: Request) -> Response:
        """GET /authorize."""
        visit = await self._site.visit(request)
        parameters, mark = _without_mark(query_of(request))
        asked = await self._authorization.examine(parameters)
        did = self._marks.read(mark, visit.session, asked.query)
        step = await self._step(asked, visit.session, did)
        return await self._take(step, visit, asked, mark or "")

    async def post(self, request: Request) -> Response:
        """POST /authorize (OpenID Connect Core §3.1.2.1): the same, by GET.

        Another site's form comes without our cookies, which are SameSite=Lax; a GET has them.
        """
        asked = await self._authorization.examine(_without_mark(await form_of(request))[0])
        return go(self._site.links.authorize(asked.query))

    async def decide(self, request: Request) -> Response:
        """POST /consent: what the user says to a client's request."""
        visit = await self._site.visit(request)
        form = await self._site.form(visit, "consent", "request", "mark")
        asked = await self._authorization.examine(parse(form.get("request", "")))
        mark = form.get("mark", "")
        did = self._marks.read(mark, visit.session, asked.query)
        step = await self._step(asked, visit.session, did)
        if step is not Step.CONSENT or visit.session is None:
            return await self._take(step, visit, asked, mark)
        if form.get("decision") != "allow":
            return await self._deny(visit, asked, visit.session)
        await self._consents.allow(
            visit.session.user_id, asked.client.client_id, set(asked.scopes) - {OFFLINE}
        )
        _audit_consent(Outcome.SUCCESS, visit, asked, visit.session)
        return await self._approve(visit, asked, mark, visit.session)

    async def _step(self, asked: Asked, session: Session | None, did: Did | None) -> Step:
        allowed: frozenset[str] = frozenset()
        if session is not None:
            allowed = await self._consents.allowed(session.user_id, asked.client.client_id)
        return next_step(asked, session, did, allowed, self._clock())

    async def _take(self, step: Step, visit: Visit, asked: Asked, mark: str) -> Response:
        if step is Step.APPROVE and visit.session is not None:
            return await self._approve(visit, asked, mark, visit.session)
        if "none" in asked.prompt or step is Step.WRONG_USER:
            error, description = _NOT_WITHOUT_A_PAGE[step]
            return go(await self._authorization.refuse(asked, error, description))
        return_to = self._site.links.authorize(asked.query)
        match step:
            case Step.CONSENT:
                return await self._consent_page(visit, asked, mark)
            case Step.CHOOSE_ACCOUNT:
                return await self._account_page(visit, asked, return_to)
            case _:
                return go(self._site.links("/login", return_to=return_to))

    async def _approve(self, visit: Visit, asked: Asked, mark: str, session: Session) -> Response:
        try:
            return go(await self._authorization.approve(asked, session, asked.scopes))
        except SessionEnded:
            return await self._take(Step.LOG_IN, visit, asked, mark)

    async def _deny(self, visit: Visit, asked: Asked, session: Session) -> Response:
        _audit_consent(Outcome.FAILURE, visit, asked, session)
        description = "The user did not allow it."
        return go(await self._authorization.refuse(asked, "access_denied", description))

    async def _consent_page(self, visit: Visit, asked: Asked, mark: str) -> Response:
        return self._site.page(
            visit,
            "consent",
            form_targets=[form_target(asked.redirect_uri)],
            action=bind("consent", asked.query, mark),
            client=asked.client.client_name,
            leads_to=form_target(asked.redirect_uri),
            scopes=self._words.of(asked.scopes),
            user=await self._site.user(visit),
            request=asked.query,
            mark=mark,
        )

    async def _account_page(self, visit: Visit, asked: Asked, return_to: str) -> Response:
        return self._site.page(
            visit,
            "account",
            form_targets=[form_target(asked.redirect_uri)],
            client=asked.client.client_name,
            user=await self._site.user(visit),
            return_to=return_to,
        )


def _without_mark(parameters: Parameters) -> tuple[Sequence[tuple[str, str]], str | None]:
    """Return the client's parameters, and our own mark apart."""
    theirs = [(name, value) for name, value in parameters if name != PARAMETER]
    return theirs, dict(parameters).get(PARAMETER)


def _audit_consent(outcome: Outcome, visit: Visit, asked: Asked, session: Session) -> None:
    audit(
        "consent",
        outcome,
        user_id=session.user_id,
        client_id=asked.client.client_id,
        scope=" ".join(asked.scopes),
        reason=None if outcome is Outcome.SUCCESS else "denied",
        address=visit.address,
    )

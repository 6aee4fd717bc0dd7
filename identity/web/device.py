"""The verification page of the device flow (RFC 8628 §3.3)."""

from starlette.requests import Request
from starlette.responses import Response

from identity.abuse.lockout import Lockout
from identity.asking import SessionEnded
from identity.audit import Outcome, audit
from identity.clients.clients import Clients
from identity.grants.devices import DeviceRequest, Devices, readable
from identity.web.forms import query_of
from identity.web.login import spoken
from identity.web.site import Site, Visit, bind, go
from identity.web.words import Words

UNKNOWN = "That code is not known, or has expired. Check it, or start again on your device."


class DevicePages:
    """Asks for the code, then whether the user knows the device that shows it.

    The code from a link is filled in and no more: the user must look at their device (§5.4), for
    whoever sent the link may be the one who is to be let in.
    """

    def __init__(
        self, site: Site, devices: Devices, clients: Clients, lockout: Lockout, words: Words
    ) -> None:
        self._site = site
        self._devices = devices
        self._clients = clients
        self._lockout = lockout
        self._words = words

    async def ask(self, request: Request) -> Response:
        """GET /device."""
        visit = await self._site.visit(request)
        user_code = dict(query_of(request)).get("user_code", "")[:40]
        if visit.session is None:
            return self._log_in(user_code)
        return self._code_page(visit, user_code)

    async def look_up(self, request: Request) -> Response:
        """POST /device: show whose code it is."""
        visit = await self._site.visit(request)
        form = await self._site.form(visit, "device")
        user_code = form.get("user_code", "")[:40]
        if visit.session is None:
            return self._log_in(user_code)
        subjects = (f"device:{visit.session.user_id}", f"address:{visit.address}")
        attempt = await self._lockout.attempt(*subjects)
        if attempt.wait is not None:
            audit("device.code", Outcome.FAILURE, reason="locked", address=visit.address)
            return self._locked(visit, user_code, attempt.wait)
        pending = await self._devices.pending(user_code)
        if pending is None:
            audit("device.code", Outcome.FAILURE, reason="unknown", address=visit.address)
            return self._code_page(visit, user_code, error=UNKNOWN, status=400)
        await self._lockout.succeed(attempt)
        return await self._confirmation(visit, pending)

    async def decide(self, request: Request) -> Response:
        """POST /device/confirm: what the user says to it."""
        visit = await self._site.visit(request)
        form = await self._site.form(visit, "device-confirm", "user_code")
        user_code = form.get("user_code", "")
        if visit.session is None:
            return self._log_in(user_code)
        pending = await self._devices.pending(user_code)
        is_allowed = form.get("decision") == "allow"
        try:
            is_answered = await self._answer(visit, user_code, is_allowed=is_allowed)
        except SessionEnded:
            return self._log_in(user_code)
        if pending is None or not is_answered:
            return self._code_page(visit, "", error=UNKNOWN, status=400)
        audit(
            "device.approve",
            Outcome.SUCCESS if is_allowed else Outcome.FAILURE,
            user_id=visit.session.user_id,
            client_id=pending.client_id,
            reason=None if is_allowed else "denied",
            address=visit.address,
        )
        return self._site.page(visit, "device_done", is_allowed=is_allowed)

    async def _answer(self, visit: Visit, user_code: str, *, is_allowed: bool) -> bool:
        if is_allowed and visit.session is not None:
            return await self._devices.approve(user_code, visit.session)
        return await self._devices.deny(user_code)

    def _log_in(self, user_code: str) -> Response:
        links = self._site.links
        back = links("/device", user_code=user_code) if user_code else links("/device")
        return go(links("/login", return_to=back))

    def _code_page(
        self,
        visit: Visit,
        user_code: str,
        *,
        error: str | None = None,
        status: int = 200,
        wait: int | None = None,
    ) -> Response:
        headers = {} if wait is None else {"Retry-After": str(wait)}
        return self._site.page(
            visit, "device", status=status, headers=headers, user_code=user_code, error=error
        )

    def _locked(self, visit: Visit, user_code: str, wait: int) -> Response:
        error = f"Too many attempts. Try again in {spoken(wait)}."
        return self._code_page(visit, user_code, error=error, status=429, wait=wait)

    async def _confirmation(self, visit: Visit, pending: DeviceRequest) -> Response:
        client = await self._clients.get(pending.client_id)
        return self._site.page(
            visit,
            "device_confirm",
            action=bind("device-confirm", pending.user_code),
            client=client.client_name if client else pending.client_id,
            scopes=self._words.of(pending.scopes),
            user=await self._site.user(visit),
            user_code=pending.user_code,
            shown_code=readable(pending.user_code),
        )

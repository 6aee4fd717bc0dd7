"""Who the user is, told to whom they allowed (OpenID Connect Core §5.3)."""

from dataclasses import dataclass
from typing import Any

from identity.model import User
from identity.protocol.challenges import challenge
from identity.protocol.dpop import DpopProofs
from identity.protocol.errors import InvalidDpopProofError, OAuth2Error
from identity.protocol.jwts import ALGORITHMS
from identity.protocol.presented import PresentedTokens
from identity.protocol.request import Answer, Request
from identity.secrets import same
from identity.users.users import Users

BEARER, DPOP = "Bearer", "DPoP"


class AccessError(OAuth2Error):
    """Why nothing is told, in WWW-Authenticate (RFC 6750 §3, RFC 9449 §7.1).

    Both schemes are offered, and the error goes with the one that was used. Who used none is told
    of no error: there is none yet.
    """

    def __init__(self, scheme: str = "", *, status: int = 401, **said: str) -> None:
        error, description = said.get("error"), said.get("error_description")
        super().__init__(error=error, description=description, status_code=status)
        self._said = {scheme: said}

    def get_body(self) -> list[tuple[str, str]]:
        """Say what is wrong, where something is."""
        body: list[tuple[str, str]] = super().get_body()
        return body if self.error else []

    def get_headers(self) -> list[tuple[str, str]]:
        """Challenge by both schemes."""
        said = self._said.get
        bearer = challenge(BEARER, **said(BEARER, {}))
        dpop = challenge(DPOP, algs=" ".join(ALGORITHMS), **said(DPOP, {}))
        return [*super().get_headers(), ("WWW-Authenticate", f"{bearer}, {dpop}")]


@dataclass(frozen=True, slots=True)
class Credentials:
    """A token as it was shown: by which scheme, and itself."""

    scheme: str
    token: str

    def refused(
        self, error: str, description: str, *, status: int = 401, **more: str
    ) -> AccessError:
        """Return the error that says why."""
        said = {"error": error, "error_description": description, **more}
        return AccessError(self.scheme, status=status, **said)


class UserinfoEndpoint:
    """Needs a token with the scope `openid`."""

    def __init__(self, presented: PresentedTokens, users: Users, proofs: DpopProofs) -> None:
        self._presented = presented
        self._users = users
        self._proofs = proofs

    async def answer(self, request: Request) -> Answer:
        """Return the claims that the token's scopes are for."""
        try:
            shown = _credentials(request)
            claims = await self._claims(request, shown)
            user = await self._users.get(claims["sub"])
            if user is None or user.disabled:
                raise shown.refused("invalid_token", "The user is not there any more.")
            headers = {"Cache-Control": "no-store", "Content-Type": "application/json"}
            return Answer(200, userinfo(user, claims["scope"].split()), headers)
        except OAuth2Error as error:
            status, body, headers = error()
            return Answer(status, body, dict(headers))

    async def _claims(self, request: Request, shown: Credentials) -> dict[str, Any]:
        presented = await self._presented.access_token(shown.token)
        if presented is None or not presented.live:
            why = "The access token is expired, revoked or malformed."
            raise shown.refused("invalid_token", why)
        await self._check_binding(request, shown, presented.claims)
        if "openid" not in presented.claims.get("scope", "").split():
            why = "The scope openid is needed."
            raise shown.refused("insufficient_scope", why, status=403, scope="openid")
        return presented.claims

    async def _check_binding(
        self, request: Request, shown: Credentials, claims: dict[str, Any]
    ) -> None:
        """See that a token bound to a key comes with that key's proof, and only so."""
        bound = claims.get("cnf", {}).get("jkt")
        if (bound is None) != (shown.scheme == BEARER):
            raise shown.refused("invalid_token", "The access token is of another type.")
        if bound is None:
            return
        try:
            checked = await self._proofs.check(
                request.proofs, request.method, request.uri, shown.token
            )
        except InvalidDpopProofError as error:
            raise shown.refused("invalid_dpop_proof", error.description) from error
        if not same(checked.encode(), bound.encode()):
            raise shown.refused("invalid_token", "The access token is bound to another key.")


def userinfo(user: User, scopes: list[str]) -> dict[str, Any]:
    """Return what the scopes let be known (OpenID Connect Core §5.4)."""
    claims: dict[str, Any] = {"sub": user.user_id}
    if "profile" in scopes:
        claims |= {"name": user.name, "preferred_username": user.username}
    if "email" in scopes and user.email is not None:
        claims |= {"email": user.email, "email_verified": user.email_verified}
    return claims


def _credentials(request: Request) -> Credentials:
    """Return what came in the header or in the form (RFC 6750 §2.1, §2.2)."""
    header = request.headers.get("authorization")
    in_form = request.form.get("access_token") if request.method == "POST" else None
    if in_form is not None:
        shown = Credentials(BEARER, in_form)
        if header is not None:
            raise shown.refused("invalid_request", "The access token is there twice.", status=400)
        return shown
    scheme, _, token = (header or "").partition(" ")
    named = {each.lower(): each for each in (BEARER, DPOP)}.get(scheme.lower())
    if named is None or not token.strip():
        raise AccessError
    return Credentials(named, token.strip())

"""Who the user is, told to whom they allowed (OpenID Connect Core §5.3)."""

from typing import Any

from identity.model import User
from identity.protocol.dpop import DpopProofs
from identity.protocol.errors import InvalidDpopProofError, InvalidRequestError, OAuth2Error
from identity.protocol.jwts import ALGORITHMS
from identity.protocol.presented import PresentedTokens
from identity.protocol.request import Answer, Request
from identity.secrets import same
from identity.users.users import Users


class BearerError(OAuth2Error):
    """What is wrong with an access token, in a WWW-Authenticate header (RFC 6750 §3, 9449 §7.1)."""

    status_code = 401

    def __init__(self, error: str, description: str, *, status: int = 401) -> None:
        super().__init__(error=error, description=description, status_code=status)

    def get_headers(self) -> list[tuple[str, str]]:
        """Offer both schemes; the error goes with each."""
        said = f'error="{self.error}", error_description="{self.description}"'
        challenge = f'Bearer {said}, DPoP {said}, algs="{" ".join(ALGORITHMS)}"'
        return [*super().get_headers(), ("WWW-Authenticate", challenge)]


class UserinfoEndpoint:
    """Needs a token with the scope `openid`."""

    def __init__(self, presented: PresentedTokens, users: Users, proofs: DpopProofs) -> None:
        self._presented = presented
        self._users = users
        self._proofs = proofs

    async def answer(self, request: Request) -> Answer:
        """Return the claims that the token's scopes are for."""
        try:
            claims = await self._claims(request)
            user = await self._users.get(claims["sub"])
            if user is None or user.disabled:
                raise BearerError("invalid_token", "The user is not there any more.")
            headers = {"Cache-Control": "no-store", "Content-Type": "application/json"}
            return Answer(200, userinfo(user, claims["scope"].split()), headers)
        except OAuth2Error as error:
            status, body, headers = error()
            return Answer(status, body, dict(headers))

    async def _claims(self, request: Request) -> dict[str, Any]:
        scheme, token = _token(request)
        presented = await self._presented.access_token(token)
        if presented is None or not presented.live:
            raise BearerError("invalid_token", "The access token is expired, revoked or malformed.")
        await self._check_binding(request, scheme, token, presented.claims)
        if "openid" not in presented.claims.get("scope", "").split():
            raise BearerError("insufficient_scope", "The scope openid is needed.", status=403)
        return presented.claims

    async def _check_binding(
        self, request: Request, scheme: str, token: str, claims: dict[str, Any]
    ) -> None:
        """See that a token bound to a key comes with that key's proof, and only so."""
        bound = claims.get("cnf", {}).get("jkt")
        if (bound is None) != (scheme == "bearer"):
            raise BearerError("invalid_token", "The access token is of another type.")
        if bound is None:
            return
        try:
            checked = await self._proofs.check(request.proofs, request.method, request.uri, token)
        except InvalidDpopProofError as error:
            raise BearerError("invalid_dpop_proof", error.description) from error
        if not same(checked.encode(), bound.encode()):
            raise BearerError("invalid_token", "The access token is bound to another key.")


def userinfo(user: User, scopes: list[str]) -> dict[str, Any]:
    """Return what the scopes let be known (OpenID Connect Core §5.4)."""
    claims: dict[str, Any] = {"sub": user.user_id}
    if "profile" in scopes:
        claims |= {"name": user.name, "preferred_username": user.username}
    if "email" in scopes and user.email is not None:
        claims |= {"email": user.email, "email_verified": user.email_verified}
    return claims


def _token(request: Request) -> tuple[str, str]:
    """Return the scheme, in lower case, and the token (RFC 6750 §2.1, §2.2)."""
    header = request.headers.get("authorization")
    in_form = request.form.get("access_token") if request.method == "POST" else None
    if header is not None and in_form is not None:
        raise InvalidRequestError("The access token is there twice.")
    if in_form is not None:
        return "bearer", in_form
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() not in {"bearer", "dpop"} or not token.strip():
        raise BearerError("invalid_token", "There is no access token.")
    return scheme.lower(), token.strip()

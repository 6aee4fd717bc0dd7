"""What a token is worth, told to its client and to resource servers (RFC 7662)."""

from typing import Any, override

from authlib.oauth2.rfc7662 import IntrospectionEndpoint as AuthlibEndpoint

from identity.protocol.client import OAuthClient
from identity.protocol.errors import InvalidRequestError
from identity.protocol.presented import (
    Presented,
    PresentedAccessToken,
    PresentedRefreshToken,
    PresentedTokens,
)
from identity.protocol.request import Request
from identity.protocol.sync import wait
from runtime.clock import SECOND

# Of a JWT's claims, those that RFC 7662 §2.2 and RFC 9449 §6.2 have members for.
_CLAIMS = ("iss", "aud", "sub", "client_id", "scope", "exp", "nbf", "iat", "jti", "cnf")


class IntrospectionEndpoint(AuthlibEndpoint):
    """A client asks about its own tokens; a resource server (`may_introspect`), about any."""

    CLIENT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt")

    def __init__(self, presented: PresentedTokens) -> None:
        super().__init__()
        self._presented = presented

    @override
    def authenticate_token(self, request: Request, client: OAuthClient) -> Presented | None:
        if "token" not in request.form:
            raise InvalidRequestError("Missing 'token' in request.")
        found = wait(self._presented.find(request.form["token"], client))
        if found is None or not self.check_permission(found, client, request):
            return None
        return found

    @override
    def check_permission(self, token: Presented, client: OAuthClient, request: Request) -> bool:
        return client.registered.may_introspect or token.check_client(client)

    @override
    def introspect_token(self, token: Presented) -> dict[str, Any]:
        match token:
            case PresentedAccessToken(claims):
                payload = {name: claims[name] for name in _CLAIMS if name in claims}
                return {**payload, "token_type": "DPoP" if "cnf" in claims else "Bearer"}
            case PresentedRefreshToken(found):
                return {
                    "client_id": found.grant.client_id,
                    "sub": found.grant.user_id,
                    "scope": " ".join(found.grant.scopes),
                    "exp": min(found.expire_time, found.grant.expire_time) // SECOND,
                }

"""A client gives a token up (RFC 7009)."""

from typing import override

from authlib.oauth2.rfc7009 import RevocationEndpoint as AuthlibEndpoint

from identity.audit import Outcome, audit
from identity.protocol.client import OAuthClient
from identity.protocol.client_authentication import METHODS
from identity.protocol.errors import InvalidGrantError, InvalidRequestError
from identity.protocol.presented import Presented, PresentedTokens
from identity.protocol.request import Request
from identity.protocol.sync import wait


class RevocationEndpoint(AuthlibEndpoint):
    """An unknown token is as good as revoked: 200. A hint as to its type changes nothing."""

    CLIENT_AUTH_METHODS = METHODS

    def __init__(self, presented: PresentedTokens) -> None:
        super().__init__()
        self._presented = presented

    @override
    def authenticate_token(self, request: Request, client: OAuthClient) -> Presented | None:
        if "token" not in request.form:
            raise InvalidRequestError("Missing 'token' in request.")
        found = wait(self._presented.find(request.form["token"], client))
        if found is not None and not found.check_client(client):
            raise InvalidGrantError("The token is another client's.")
        return found

    @override
    def revoke_token(self, token: Presented, request: Request) -> None:
        wait(self._presented.revoke(token))
        audit(
            "token.revoke",
            Outcome.SUCCESS,
            client_id=request.client.get_client_id(),
            address=request.address,
        )

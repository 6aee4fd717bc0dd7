"""A client pushes its authorization request ahead of the browser (RFC 9126)."""

from typing import TYPE_CHECKING, Any, override

from authlib.consts import default_json_headers
from authlib.oauth2.rfc6749 import Endpoint

from identity.grants.pushed_requests import LIFETIME_SECONDS, PushedRequests
from identity.protocol.client_authentication import METHODS
from identity.protocol.errors import InvalidDpopProofError, InvalidRequestError
from identity.protocol.request import Request
from identity.protocol.sync import wait

if TYPE_CHECKING:
    from identity.protocol.authorization import Authorization

# How the client authenticated is no part of what it asks for.
_CREDENTIALS = frozenset({"client_secret", "client_assertion", "client_assertion_type"})


class PushedAuthorizationEndpoint(Endpoint):
    """What is wrong with the request is told here already, and to the client alone."""

    ENDPOINT_NAME = "pushed_authorization_request"

    def __init__(self, authorization: Authorization, pushed: PushedRequests) -> None:
        super().__init__()
        self._authorization = authorization
        self._pushed = pushed

    @override
    def create_endpoint_response(self, request: Request) -> tuple[int, Any, Any]:
        client = self.server.authenticate_client(request, METHODS, self.ENDPOINT_NAME)
        if "request_uri" in request.form:
            raise InvalidRequestError("A pushed request may not name another.")
        parameters = self._parameters(request, client.get_client_id())
        self._authorization.check_pushed(client, parameters)
        request_uri = wait(self._pushed.push(client.get_client_id(), parameters))
        body = {"request_uri": request_uri, "expires_in": LIFETIME_SECONDS}
        return 201, body, default_json_headers

    def _parameters(self, request: Request, client_id: str) -> list[tuple[str, str]]:
        """Return the request as the browser would have brought it."""
        sent = [
            (name, value)
            for name, value in request.parameters
            if name not in _CREDENTIALS and name != "client_id"
        ]
        if request.proofs:
            jkt = wait(self.server.needs.proofs.check(request.proofs, request.method, request.uri))
            if request.form.get("dpop_jkt", jkt) != jkt:
                raise InvalidDpopProofError("The dpop_jkt is not that of the DPoP proof's key.")
            sent = [each for each in sent if each[0] != "dpop_jkt"] + [("dpop_jkt", jkt)]
        return [("client_id", client_id), *sent]

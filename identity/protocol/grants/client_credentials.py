"""A client acts for itself (RFC 6749 §4.4)."""

from typing import Any, override

from authlib.oauth2.rfc6749 import ClientCredentialsGrant as AuthlibGrant

from identity.protocol.issuing import Issue
from identity.protocol.scopes import Reach
from identity.protocol.token_endpoint import TokenGrant


class ClientCredentialsGrant(TokenGrant, AuthlibGrant):
    """Reads no row and writes none: the client's row is cached, and the token a JWT."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt")
    reach: Reach

    @override
    def validate_requested_scope(self) -> None:
        self.reach = self.server.needs.scopes.requested(
            self.client.registered,
            self.request.payload.scope,
            self.request.resources,
            user=False,
        )

    @override
    def generate_token(self, **_options: Any) -> dict[str, Any]:
        client = self.client.registered
        return self.issue(Issue(client=client, reach=self.reach, jkt=self.request.jkt))

    @override
    def save_token(self, token: dict[str, Any]) -> None:
        self.audit_issue(scope=token["scope"])

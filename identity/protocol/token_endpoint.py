"""What our four grants have in common at the token endpoint."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, override

from authlib.oauth2.rfc6749 import BaseGrant

from identity.audit import Outcome, audit
from identity.model import User
from identity.protocol.client import OAuthClient
from identity.protocol.client_authentication import METHODS
from identity.protocol.errors import InvalidDpopProofError, InvalidGrantError
from identity.protocol.issuing import Issue
from identity.protocol.request import Request
from identity.protocol.sync import wait

if TYPE_CHECKING:
    from identity.protocol.authorization_server import AuthorizationServer


class TokenGrant(BaseGrant):
    """Authenticates by any method, checks the DPoP proof, and finds the user."""

    TOKEN_ENDPOINT_AUTH_METHODS: Sequence[str] = METHODS

    request: Request
    server: AuthorizationServer

    @override
    def authenticate_token_endpoint_client(self) -> OAuthClient:
        """Authenticate the client, and know it from here on."""
        client: OAuthClient = super().authenticate_token_endpoint_client()
        self.request.client = client
        self._check_proof(client)
        return client

    def find_user(self, user_id: str) -> User:
        """Return who granted; InvalidGrantError where they are gone or may not log in."""
        user = wait(self.server.needs.users.get(user_id))
        if user is None or user.disabled:
            raise InvalidGrantError("The user is not there any more.")
        return user

    def issue(self, issue: Issue) -> dict[str, Any]:
        """Sign the tokens; nothing is kept yet, so it may turn out to be in vain."""
        return self.server.needs.tokens.issue(issue)

    def audit_issue(self, event: str = "token.issue", **fields: str | None) -> None:
        """Record that tokens leave."""
        audit(
            event,
            Outcome.SUCCESS,
            client_id=self.client.get_client_id(),
            grant_type=self.GRANT_TYPE,
            address=self.request.address,
            **fields,
        )

    def bound_jkt(self) -> str | None:
        """Return the key that refresh tokens are bound to: those of public clients (RFC 9449 §5).

        A confidential client's are bound to it by its own credentials.
        """
        return self.request.jkt if self.client.registered.public else None

    def _check_proof(self, client: OAuthClient) -> None:
        if self.request.proofs:
            checked = self.server.needs.proofs.check(
                self.request.proofs, self.request.method, self.request.uri
            )
            self.request.jkt = wait(checked)
        elif client.registered.dpop_bound_access_tokens:
            raise InvalidDpopProofError("This client must use DPoP.")

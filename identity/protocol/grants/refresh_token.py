"""A client goes on without the user (RFC 6749 §6); each refresh token is used once (RFC 9700)."""

from typing import Any, override

from authlib.oauth2.rfc6749 import RefreshTokenGrant as AuthlibGrant
from authlib.oauth2.rfc6749 import TokenMixin

from identity.audit import Outcome, audit
from identity.grants.refresh_tokens import RefreshToken, Rotation
from identity.model import User
from identity.protocol.client import OAuthClient
from identity.protocol.errors import InvalidGrantError
from identity.protocol.issuing import Issue
from identity.protocol.sync import wait
from identity.protocol.token_endpoint import TokenGrant


class PresentedToken(TokenMixin):
    """A refresh token, as Authlib asks about it."""

    def __init__(self, found: RefreshToken) -> None:
        self.found = found

    @override
    def check_client(self, client: OAuthClient) -> bool:
        return self.found.grant.client_id == client.get_client_id()

    @override
    def get_scope(self) -> str:
        return " ".join(self.found.grant.scopes)


class RefreshTokenGrant(TokenGrant, AuthlibGrant):
    """Client, key and scope are checked first; then one transaction rotates the token."""

    INCLUDE_NEW_REFRESH_TOKEN = True

    @override
    def authenticate_refresh_token(self, refresh_token: str) -> PresentedToken | None:
        client_id = self.client.get_client_id()
        found = wait(self.server.needs.refresh_tokens.find(refresh_token, client_id))
        if found is None:
            return None
        if found.grant.dpop_jkt is not None and found.grant.dpop_jkt != self.request.jkt:
            raise InvalidGrantError("The refresh token is bound to a DPoP key.")
        return PresentedToken(found)

    @override
    def authenticate_user(self, refresh_token: PresentedToken) -> User:
        return self.find_user(refresh_token.found.grant.user_id)

    @override
    def issue_token(self, user: User, refresh_token: PresentedToken) -> dict[str, Any]:
        grant = refresh_token.found.grant
        scopes = (self.request.payload.scope or refresh_token.get_scope()).split()
        reach = self.server.needs.scopes.within(scopes, grant.resources, self.request.resources)
        issue = Issue(
            client=self.client.registered,
            reach=reach,
            jkt=self.request.jkt,
            user=user,
            grant=grant,
        )
        token = self.issue(issue)
        self._rotate(refresh_token.found)
        token["refresh_token"] = self.server.needs.refresh_tokens.successor(
            refresh_token.found.token
        )
        return token

    @override
    def save_token(self, token: dict[str, Any]) -> None:
        """Nothing is left to do: `issue_token` has rotated the token."""

    @override
    def revoke_old_credential(self, refresh_token: PresentedToken) -> None:
        """Keep it, so that a second use is known for one."""

    def _rotate(self, found: RefreshToken) -> None:
        match wait(self.server.needs.refresh_tokens.rotate(found.token)):
            case Rotation.ROTATED | Rotation.REPEATED:
                self.audit_issue("token.refresh", user_id=found.grant.user_id)
            case refused:
                audit(
                    "token.reuse" if refused is Rotation.REUSED else "token.refresh",
                    Outcome.FAILURE,
                    client_id=found.grant.client_id,
                    user_id=found.grant.user_id,
                    address=self.request.address,
                )
                raise InvalidGrantError

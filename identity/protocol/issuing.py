"""Token responses: access token, ID token, and what is said of them (RFC 6749 §5.1)."""

from dataclasses import dataclass

from identity.clients.client import Client
from identity.keys.tokens import Tokens
from identity.model import Grant, User
from identity.protocol.scopes import Reach, Scopes

type TokenResponse = dict[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """What tokens are to be made for. Without a user and a grant a client acts for itself."""

    client: Client
    reach: Reach
    jkt: str | None
    user: User | None = None
    grant: Grant | None = None
    nonce: str | None = None


class Issuer:
    """Makes token responses. It stores nothing, so it may be asked in vain."""

    def __init__(self, tokens: Tokens, scopes: Scopes) -> None:
        self._tokens = tokens
        self._scopes = scopes

    def issue(self, issue: Issue) -> TokenResponse:
        """Return the response, but for the refresh token."""
        grant = issue.grant
        access_token, claims = self._tokens.access_token(
            subject=issue.client.client_id if issue.user is None else issue.user.user_id,
            client_id=issue.client.client_id,
            scopes=issue.reach.scopes,
            audience=self._scopes.audience(issue.reach),
            grant_id=None if grant is None else grant.grant_id,
            sid=None if grant is None else grant.sid,
            auth_time=None if grant is None else grant.auth_time,
            jkt=issue.jkt,
        )
        response: TokenResponse = {
            "access_token": access_token,
            "token_type": "Bearer" if issue.jkt is None else "DPoP",
            "expires_in": claims["exp"] - claims["iat"],
            "scope": " ".join(issue.reach.scopes),
        }
        if grant is not None and issue.user is not None and "openid" in issue.reach.scopes:
            response["id_token"] = self._tokens.id_token(
                client=issue.client,
                user=issue.user,
                grant=grant,
                nonce=issue.nonce,
                access_token=access_token,
            )
        return response

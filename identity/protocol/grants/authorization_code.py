"""A user's browser brings the client a code (RFC 6749 §4.1), with PKCE (RFC 7636)."""

from typing import Any, override

from authlib.oauth2.rfc6749 import AuthorizationCodeGrant as AuthlibGrant
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin
from authlib.oauth2.rfc7636 import CodeChallenge

from identity.audit import Outcome, audit
from identity.grants.codes import Binding, Code
from identity.grants.grants import NewGrant
from identity.model import User
from identity.protocol.client import OAuthClient
from identity.protocol.errors import InvalidGrantError, InvalidRequestError
from identity.protocol.issuing import Issue
from identity.protocol.request import Request
from identity.protocol.sync import wait
from identity.protocol.token_endpoint import TokenGrant


class S256Challenge(CodeChallenge):
    """PKCE as RFC 9700 §2.1.1 wants it: of every client, and by S256 alone."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    @override
    def validate_code_challenge(self, grant: AuthlibGrant, redirect_uri: str) -> None:
        """Require what Authlib only checks where it is there; its default method is `plain`."""
        data = grant.request.payload.data
        if "code_challenge" not in data or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("A code_challenge is required, by the method S256.")
        super().validate_code_challenge(grant, redirect_uri)

    @override
    def get_authorization_code_challenge_method(self, authorization_code: PresentedCode) -> str:
        return "S256"


class PresentedCode(AuthorizationCodeMixin):
    """A code, as Authlib asks about it."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.code_challenge = code.code_challenge

    @override
    def get_redirect_uri(self) -> str:
        return self.code.redirect_uri

    @override
    def get_scope(self) -> str:
        return " ".join(self.code.grant.scopes)


class AuthorizationCodeGrant(TokenGrant, AuthlibGrant):
    """The code is looked at first, and used up in the one transaction that begins its family.

    So a redemption that fails its checks leaves the code to whom it belongs, of many at once one
    alone wins, and a crash leaves either the code or the family.
    """

    # Set by `Authorization`, which alone makes codes.
    approval: Approval

    @override
    def validate_requested_scope(self) -> None:
        """Leave it to `Authorization`, which knows the resources too."""

    @override
    def generate_authorization_code(self) -> str:
        """Keep the new grant and its code in one transaction."""
        code = wait(self.server.needs.codes.issue(*self.approval.parts()))
        if code is None:
            raise InvalidRequestError("The pushed request was used before.")
        return code

    @override
    def save_authorization_code(self, code: str, request: Request) -> None:
        """Nothing is left to do: `generate_authorization_code` has kept it."""

    @override
    def query_authorization_code(self, code: str, client: OAuthClient) -> PresentedCode | None:
        found = wait(self.server.needs.codes.find(code, client.get_client_id()))
        if found is None:
            return None
        if found.dpop_jkt is not None and found.dpop_jkt != self.request.jkt:
            raise InvalidGrantError("The code is bound to a DPoP key.")
        return PresentedCode(found)

    @override
    def authenticate_user(self, authorization_code: PresentedCode) -> User:
        return self.find_user(authorization_code.code.grant.user_id)

    @override
    def generate_token(
        self, user: User, scope: str, include_refresh_token: bool = True, **_options: Any
    ) -> dict[str, Any]:
        code: Code = self.request.authorization_code.code
        reach = self.server.needs.scopes.within(
            code.grant.scopes, code.grant.resources, self.request.resources
        )
        issue = Issue(
            client=self.client.registered,
            reach=reach,
            jkt=self.request.jkt,
            user=user,
            grant=code.grant,
            nonce=code.nonce,
        )
        token = self.issue(issue)
        self._redeem(code, token, refresh=include_refresh_token)
        return token

    @override
    def save_token(self, token: dict[str, Any]) -> None:
        """Nothing is left to do: `generate_token` has redeemed the code."""

    @override
    def delete_authorization_code(self, authorization_code: PresentedCode) -> None:
        """Keep it, so that a second use is known for one."""

    def _redeem(self, code: Code, token: dict[str, Any], *, refresh: bool) -> None:
        redeemed = wait(self.server.needs.codes.redeem(code, refresh=refresh, jkt=self.bound_jkt()))
        if redeemed is None:
            self._refused(code)
            raise InvalidGrantError("Invalid 'code' in request.")
        if redeemed.refresh_token is not None:
            token["refresh_token"] = redeemed.refresh_token
        self.audit_issue(user_id=code.grant.user_id, scope=token["scope"])

    def _refused(self, code: Code) -> None:
        audit(
            "token.issue",
            Outcome.FAILURE,
            reason="the code was used before, expired or revoked",
            client_id=code.grant.client_id,
            user_id=code.grant.user_id,
            address=self.request.address,
        )


class Approval:
    """What a user has approved: the grant to be, and what its code is bound to."""

    def __init__(self, new: NewGrant, binding: Binding, request_uri: str | None) -> None:
        self._new = new
        self._binding = binding
        self._request_uri = request_uri

    def parts(self) -> tuple[NewGrant, Binding, str | None]:
        """Return it as `Codes.issue` takes it."""
        return self._new, self._binding, self._request_uri

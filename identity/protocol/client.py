"""A registered client, as Authlib's core asks about it."""

from typing import override

from authlib.oauth2.rfc6749 import ClientMixin

from identity.clients.client import Client


class OAuthClient(ClientMixin):
    """The questions of `ClientMixin`, answered by a `Client`."""

    def __init__(self, registered: Client) -> None:
        self.registered = registered

    @override
    def get_client_id(self) -> str:
        return self.registered.client_id

    @override
    def get_default_redirect_uri(self) -> None:
        """Return none: every request names its own (OpenID Connect Core §3.1.2.1)."""
        return

    @override
    def get_allowed_scope(self, scope: str | None) -> str:
        """Leave the scopes to `Scopes`, which sees the resources too."""
        return scope or ""

    @override
    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return self.registered.allows_redirect_uri(redirect_uri)

    @override
    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Accept the registered method alone, at every endpoint."""
        return self.registered.token_endpoint_auth_method == method

    @override
    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and self.check_grant_type("authorization_code")

    @override
    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.registered.grant_types

"""The authorization endpoint's protocol (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2).

The pages drive it: `examine` says what is asked for, the pages find out who the user is and what
they want, then `approve` or `refuse` says where the browser goes.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn
from urllib.parse import urlencode

from authlib.common.urls import add_params_to_uri

from identity.asking import Redirected, Refused
from identity.audit import Outcome, audit
from identity.grants.codes import Binding
from identity.grants.grants import NewGrant
from identity.grants.pushed_requests import PREFIX, PushedRequests
from identity.keys.tokens import Tokens
from identity.model import Session
from identity.protocol.asked import Asked, read_asked
from identity.protocol.authorization_server import AuthorizationServer
from identity.protocol.client import OAuthClient
from identity.protocol.errors import InvalidRequestError, OAuth2Error
from identity.protocol.grants.authorization_code import Approval
from identity.protocol.request import Answer, Parameters, Request, repeated, storable
from identity.protocol.sync import run


class Authorization:
    """`endpoint` is the URL of /authorize."""

    def __init__(
        self,
        server: AuthorizationServer,
        pushed: PushedRequests,
        tokens: Tokens,
        endpoint: str,
    ) -> None:
        self._server = server
        self._pushed = pushed
        self._tokens = tokens
        self._endpoint = endpoint
        self._issuer = server.needs.issuer

    async def examine(self, parameters: Parameters) -> Asked:
        """Return what a browser brought a client's request for.

        Refused where it cannot be said where to go back to; Redirected where the client is to hear
        what is wrong.
        """
        data = dict(parameters)
        client = await self._client(parameters)
        if "request_uri" not in data:
            self._must_not_be_pushed(client)
            return await run(self._examine, client, parameters)
        request_uri = data["request_uri"]
        kept = None
        if request_uri.startswith(PREFIX):
            kept = await self._pushed.find(request_uri, client.get_client_id())
        if kept is None:
            raise Refused("invalid_request", "The request has expired, or was used before.")
        asked = await run(self._examine, client, kept)
        query = urlencode({"client_id": client.get_client_id(), "request_uri": request_uri})
        return replace(asked, query=query, request_uri=request_uri)

    async def approve(self, asked: Asked, session: Session, scopes: Sequence[str]) -> str:
        """Grant the client these scopes of what it asked for; return where the browser goes.

        SessionEnded where the user has logged out meanwhile.
        """
        location = await run(self._approve, asked, session, scopes)
        audit(
            "authorize",
            Outcome.SUCCESS,
            client_id=asked.client.client_id,
            user_id=session.user_id,
            scope=" ".join(scopes),
        )
        return location

    async def refuse(self, asked: Asked, error: str, description: str) -> str:
        """Return where the browser goes with an error; a pushed request is used up by it."""
        if asked.request_uri is not None:
            await self._pushed.use_up(asked.request_uri)
        audit("authorize", Outcome.FAILURE, client_id=asked.client.client_id, reason=error)
        return self._error_location(asked.redirect_uri, asked.state, error, description)

    def check_pushed(self, client: OAuthClient, parameters: Parameters) -> None:
        """Check a request that its client pushes; OAuth2Error tells the client."""
        redirect_uri = dict(parameters).get("redirect_uri")
        if redirect_uri is None or not client.check_redirect_uri(redirect_uri):
            raise InvalidRequestError("The redirect_uri is not registered.")
        self._check(client, parameters)

    async def _client(self, parameters: Parameters) -> OAuthClient:
        names = [name for name, _ in parameters]
        if not storable(parameters):
            raise Refused("invalid_request", "The request cannot be decoded.")
        if names.count("client_id") != 1 or names.count("request_uri") > 1:
            raise Refused("invalid_request", "The request must name one client.")
        client = await self._server.needs.clients.get(dict(parameters)["client_id"])
        if client is None:
            raise Refused("invalid_client", "The client is unknown.")
        return OAuthClient(client)

    def _must_not_be_pushed(self, client: OAuthClient) -> None:
        if client.registered.require_pushed_authorization_requests:
            raise Refused("invalid_request", "This client must push its requests.")

    def _examine(self, client: OAuthClient, parameters: Parameters) -> Asked:
        """Check a request of a known client; what is wrong goes to its redirect URI."""
        data = dict(parameters)
        redirect_uri = data.get("redirect_uri")
        one = [name for name, _ in parameters].count("redirect_uri") == 1
        if redirect_uri is None or not one or not client.check_redirect_uri(redirect_uri):
            raise Refused("invalid_request", "The redirect_uri is not registered.")
        try:
            return self._check(client, parameters)
        except OAuth2Error as error:
            audit(
                "authorize",
                Outcome.FAILURE,
                client_id=client.get_client_id(),
                reason=error.error,
            )
            self._redirect(redirect_uri, data.get("state"), error)

    def _check(self, client: OAuthClient, parameters: Parameters) -> Asked:
        """Return what is asked for; OAuth2Error, with no redirection in it, where it is wrong."""
        if repeated(parameters):
            raise InvalidRequestError("A parameter is repeated.")
        asked = read_asked(client.registered, parameters, self._server.needs.scopes, self._tokens)
        try:
            self._server.get_consent_grant(self._request(parameters))
        except OAuth2Error as error:
            # Whether anybody is redirected, and where, is the caller's to say.
            error.redirect_uri = error.state = None
            raise
        return asked

    def _approve(self, asked: Asked, session: Session, scopes: Sequence[str]) -> str:
        needs = self._server.needs
        request = self._request(asked.parameters)
        grant = self._server.get_consent_grant(request)
        new = NewGrant(
            client_id=asked.client.client_id,
            user_id=session.user_id,
            sid=session.sid,
            scopes=[scope for scope in asked.scopes if scope in set(scopes)],
            resources=asked.resources,
            auth_time=session.auth_time,
            expire_time=needs.clock() + needs.grant_lifetime,
        )
        binding = Binding(
            redirect_uri=asked.redirect_uri,
            code_challenge=request.form["code_challenge"],
            nonce=request.form.get("nonce"),
            dpop_jkt=request.form.get("dpop_jkt"),
        )
        grant.approval = Approval(new, binding, asked.request_uri)
        answer: Answer = self._server.create_authorization_response(request, session, grant)
        if answer.location is None:
            raise Refused("invalid_request", "The request was used before.")
        return answer.location

    def _request(self, parameters: Parameters) -> Request:
        return Request("GET", self._endpoint, parameters, headers={})

    def _redirect(self, redirect_uri: str, state: str | None, error: OAuth2Error) -> NoReturn:
        raise Redirected(
            self._error_location(redirect_uri, state, error.error, error.description or "")
        )

    def _error_location(
        self, redirect_uri: str, state: str | None, error: str, description: str
    ) -> str:
        said = {"error": error, "error_description": description, "state": state}
        parameters = [(name, value) for name, value in said.items() if value]
        location: str = add_params_to_uri(redirect_uri, [*parameters, ("iss", self._issuer)])
        return location

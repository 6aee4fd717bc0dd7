"""What a client says when it sends a browser to log out (OpenID Connect RP-Initiated Logout)."""

from dataclasses import dataclass

from authlib.common.urls import add_params_to_uri

from identity.asking import Refused
from identity.clients.client import Client
from identity.clients.clients import Clients
from identity.keys.tokens import Tokens
from identity.protocol.request import Parameters, repeated, storable


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """`confirmed`: an ID token shows whose session is meant, so that the user need not be asked.

    The pages must still see that it is the browser's own session, by `sid`.
    """

    client: Client | None
    sid: str | None
    user_id: str | None
    # With `state`; None: stay here.
    redirect_uri: str | None
    confirmed: bool


class Logout:
    """Reads end_session requests."""

    def __init__(self, clients: Clients, tokens: Tokens) -> None:
        self._clients = clients
        self._tokens = tokens

    async def examine(self, parameters: Parameters) -> LogoutRequest:
        """Return what is asked; Refused where hint, client or redirect URI is wrong."""
        if repeated(parameters) or not storable(parameters):
            raise Refused("invalid_request", "A parameter is repeated, or cannot be decoded.")
        data = dict(parameters)
        claims = await self._claims(data.get("id_token_hint"))
        client = await self._client(data.get("client_id"), claims)
        return LogoutRequest(
            client=client,
            sid=claims.get("sid"),
            user_id=claims.get("sub"),
            redirect_uri=_redirect_uri(client, data),
            confirmed="sid" in claims,
        )

    async def _claims(self, hint: str | None) -> dict[str, str]:
        if hint is None:
            return {}
        claims = await self._tokens.read_id_token_hint(hint)
        if claims is None:
            raise Refused("invalid_request", "The id_token_hint is none of ours.")
        return claims

    async def _client(self, client_id: str | None, claims: dict[str, str]) -> Client | None:
        audience = claims.get("aud")
        if client_id is not None and audience is not None and client_id != audience:
            raise Refused("invalid_request", "The id_token_hint is another client's.")
        named = client_id or audience
        client = None if named is None else await self._clients.get(named)
        if named is not None and client is None:
            raise Refused("invalid_client", "The client is unknown.")
        return client


def _redirect_uri(client: Client | None, data: dict[str, str]) -> str | None:
    uri = data.get("post_logout_redirect_uri")
    if uri is None:
        return None
    if client is None or not client.allows_post_logout_redirect_uri(uri):
        raise Refused("invalid_request", "The post_logout_redirect_uri is not registered.")
    if "state" in data:
        uri = add_params_to_uri(uri, [("state", data["state"])])
    return uri

"""What an authorization request asks for, beyond what Authlib reads."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlencode

from identity.clients.client import Client
from identity.keys.tokens import Tokens
from identity.protocol.errors import InvalidRequestError, OAuth2Error
from identity.protocol.request import Parameters
from identity.protocol.scopes import Scopes
from identity.protocol.sync import wait

_PROMPTS = frozenset({"none", "login", "consent", "select_account"})
_JKT = re.compile(r"[A-Za-z0-9_-]{43}")

# What nobody needs who may push a request instead (OpenID Connect Core §6, §7.2.1).
_UNSUPPORTED = {
    "request": "request_not_supported",
    "registration": "registration_not_supported",
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request that may be granted as it stands."""

    client: Client
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    redirect_uri: str
    state: str | None
    prompt: frozenset[str]
    # Seconds; None: any log-in is recent enough.
    max_age: int | None
    login_hint: str | None
    # The `sub` of the id_token_hint.
    hinted_user_id: str | None
    # The request as a query string, to be examined again after each page.
    query: str
    request_uri: str | None = None
    parameters: Parameters = field(default=(), repr=False)


def read_asked(client: Client, parameters: Parameters, scopes: Scopes, tokens: Tokens) -> Asked:
    """Check and read everything of a request but what Authlib checks. OAuth2Error."""
    data = dict(parameters)
    _check_supported(data)
    resources = tuple(value for name, value in parameters if name == "resource")
    reach = scopes.requested(client, data.get("scope"), resources, user=True)
    return Asked(
        client=client,
        scopes=reach.scopes,
        resources=reach.resources,
        redirect_uri=data["redirect_uri"],
        state=data.get("state"),
        prompt=_prompt(data.get("prompt")),
        max_age=_max_age(data.get("max_age")),
        login_hint=data.get("login_hint"),
        hinted_user_id=_hinted(data.get("id_token_hint"), tokens),
        query=urlencode(parameters),
        parameters=parameters,
    )


def _check_supported(data: dict[str, str]) -> None:
    for name, error in _UNSUPPORTED.items():
        if name in data:
            raise OAuth2Error(error=error, description=f"The parameter {name} is not supported.")
    # Authlib puts the value, unchecked, into its description: a quote there raises ValueError.
    if data.get("response_type") != "code":
        error = "unsupported_response_type" if "response_type" in data else "invalid_request"
        raise OAuth2Error(error=error, description="The response_type must be code.")
    if data.get("response_mode", "query") != "query":
        raise InvalidRequestError("The response_mode must be query.")
    if "dpop_jkt" in data and not _JKT.fullmatch(data["dpop_jkt"]):
        raise InvalidRequestError("The dpop_jkt is not a JWK thumbprint.")


def _prompt(value: str | None) -> frozenset[str]:
    prompt = frozenset((value or "").split())
    if not prompt <= _PROMPTS or ("none" in prompt and len(prompt) > 1):
        raise InvalidRequestError("The prompt is invalid.")
    return prompt


def _max_age(value: str | None) -> int | None:
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise InvalidRequestError("The max_age is not a number of seconds.")
    return int(value)


def _hinted(id_token_hint: str | None, tokens: Tokens) -> str | None:
    if id_token_hint is None:
        return None
    claims = wait(tokens.read_id_token_hint(id_token_hint))
    if claims is None:
        raise InvalidRequestError("The id_token_hint is none of ours.")
    return str(claims["sub"])

"""A registered client: the metadata of RFC 7591, typed and checked by one set of rules."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from identity.clients.client_keys import check_jwks
from identity.clients.redirect_uris import (
    allowed_redirect,
    check_backchannel_logout_uri,
    check_redirect_uri,
)
from identity.clients.resources import Resources
from identity.keys.algorithms import Algorithm
from identity.reason import Reason
from runtime.errors import FieldViolation, InvalidArgument

type GrantType = Literal[
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code",
]
type AuthMethod = Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]

CLIENT_ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
SECRET_METHODS = frozenset({"client_secret_basic", "client_secret_post"})
# Of these, a user is there to consent.
_USER_GRANTS = frozenset({"authorization_code", DEVICE_CODE})
_MOST_URIS = 50


def _check_scope(value: str) -> str:
    scopes = value.split(" ") if value else []
    if not all(re.fullmatch(r"[\x21\x23-\x5B\x5D-\x7E]+", scope) for scope in scopes):
        raise ValueError("must be scope names with one space between (RFC 6749 §3.3)")
    return _unrepeated(scopes, value)


def _check_name(value: str) -> str:
    # Cc, Cf, Zl …: what could break a page's line or turn its text around.
    if not value.strip() or any(unicodedata.category(c)[0] in "CZ" and c != " " for c in value):
        raise ValueError("must be a name that people can read, without control characters")
    return value


def _unrepeated[T](items: list[str], value: T) -> T:
    repeated = next((item for item in items if items.count(item) > 1), None)
    if repeated is not None:
        raise ValueError(f"has {repeated!r} twice")
    return value


def _check_unrepeated(value: tuple[str, ...]) -> tuple[str, ...]:
    return _unrepeated(list(value), value)


type Unrepeated[T] = Annotated[tuple[T, ...], AfterValidator(_check_unrepeated)]


class Client(BaseModel):
    """Who may ask for tokens, and how.

    `jwks` are public keys given inline; none are fetched, so a registration opens no connection.
    `trusted` clients are the shop's own: users are not asked to consent. `may_introspect` is for
    APIs. A `native` client may redirect to a loopback address with whatever port it finds free
    (RFC 8252 §7.3), or to a scheme of its own (§7.1).
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, validate_default=False
    )

    client_id: Annotated[str, Field(pattern=f"^{CLIENT_ID}$")]
    client_name: Annotated[str, Field(max_length=100), AfterValidator(_check_name)]
    application_type: Literal["web", "native"] = "web"
    grant_types: Annotated[Unrepeated[GrantType], Field(strict=False, min_length=1)]
    token_endpoint_auth_method: AuthMethod = "client_secret_basic"  # noqa: S105 (no secret)
    scope: Annotated[str, AfterValidator(_check_scope)] = ""
    redirect_uris: Annotated[Unrepeated[str], Field(strict=False, max_length=_MOST_URIS)] = ()
    post_logout_redirect_uris: Annotated[
        Unrepeated[str], Field(strict=False, max_length=_MOST_URIS)
    ] = ()
    backchannel_logout_uri: Annotated[str | None, AfterValidator(check_backchannel_logout_uri)] = (
        None
    )
    backchannel_logout_session_required: bool = False
    jwks: Annotated[Mapping[str, Any] | None, AfterValidator(check_jwks)] = None
    id_token_signed_response_alg: Algorithm | None = None
    require_pushed_authorization_requests: bool = False
    dpop_bound_access_tokens: bool = False
    trusted: bool = False
    may_introspect: bool = False

    @property
    def scopes(self) -> tuple[str, ...]:
        """What it may ask for."""
        return tuple(self.scope.split())

    @property
    def public(self) -> bool:
        """Whether it cannot keep a secret (RFC 6749 §2.1), and so proves itself by PKCE alone."""
        return self.token_endpoint_auth_method == "none"  # noqa: S105 (no secret)

    @property
    def has_secrets(self) -> bool:
        """Whether it authenticates with a secret."""
        return self.token_endpoint_auth_method in SECRET_METHODS

    def allows_redirect_uri(self, uri: str) -> bool:
        """Whether a redirect URI is one of its own, to the letter (RFC 9700 §2.1).

        Only the port of a native client's loopback URI is free.
        """
        return allowed_redirect(uri, self.redirect_uris, native=self.application_type == "native")

    def allows_post_logout_redirect_uri(self, uri: str) -> bool:
        """Whether users may be sent there after a logout that the client began."""
        return allowed_redirect(
            uri, self.post_logout_redirect_uris, native=self.application_type == "native"
        )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        broken = [f"{field}: {rule}" for field, rule in _contradictions(self)]
        if broken:
            raise ValueError("\n".join(broken))
        return self


def parse_client(metadata: Mapping[str, object], resources: Resources | None = None) -> Client:
    """Return the client; raise InvalidArgument that names each wrong member and its rule.

    Where resources are given, it may have no other scopes than theirs.
    """
    try:
        client = Client.model_validate({"client_name": metadata.get("client_id"), **metadata})
    except ValidationError as error:
        raise InvalidArgument(
            list(_violations(error)), reason=Reason.INVALID_CLIENT_METADATA
        ) from None
    unknown = [each for each in client.scopes if resources and not resources.knows_scope(each)]
    if unknown:
        rule = f"{', '.join(unknown)}: no such scope of any resource"
        raise InvalidArgument(
            [FieldViolation("scope", rule)], reason=Reason.INVALID_CLIENT_METADATA
        )
    return client


def to_metadata(client: Client) -> dict[str, object]:
    """Return what `parse_client` reads, in the types of JSON, without what is as by default."""
    return client.model_dump(mode="json", exclude_defaults=True)


def _violations(error: ValidationError) -> Iterator[FieldViolation]:
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        rule = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            for line in rule.splitlines():
                field, _, own = line.partition(": ")
                yield FieldViolation(field, own)
            continue
        rule = _RULES.get(problem["type"], rule)
        yield FieldViolation(".".join(map(str, problem["loc"])), rule)


# In place of pydantic's own words, which are about Python's types.
_RULES = {
    "bool_type": "must be true or false",
    "extra_forbidden": "is no member of a client's metadata known here",
    "missing": "is required",
    "string_pattern_mismatch": (
        "must be 1 to 128 letters, digits, '.', '_' or '-', and not begin with a mark"
    ),
    "string_type": "must be a text",
    "too_short": "must have one at least",
    "tuple_type": "must be a list",
}


def _contradictions(client: Client) -> Iterator[tuple[str, str]]:
    for check in _CHECKS:
        yield from check(client)


def _check_grants(client: Client) -> Iterator[tuple[str, str]]:
    grants = set(client.grant_types)
    if "refresh_token" in grants and not grants & _USER_GRANTS:
        yield "grant_types", "refresh_token needs authorization_code or device_code beside it"
    if "client_credentials" in grants and client.public:
        yield "grant_types", "client_credentials needs a client that authenticates, not 'none'"
    if client.may_introspect and client.public:
        yield "may_introspect", "needs a client that authenticates, not 'none'"


def _check_scopes(client: Client) -> Iterator[tuple[str, str]]:
    grants = set(client.grant_types)
    if "offline_access" in client.scopes and "refresh_token" not in grants:
        yield "scope", "offline_access needs the grant type refresh_token"
    if "openid" in client.scopes and not grants & _USER_GRANTS:
        yield "scope", "openid needs authorization_code or device_code: it is about a user"


def _check_uris(client: Client) -> Iterator[tuple[str, str]]:
    redirects = "authorization_code" in client.grant_types
    if redirects and not client.redirect_uris:
        yield "redirect_uris", "authorization_code needs one at least"
    if client.redirect_uris and not redirects:
        yield "redirect_uris", "only authorization_code redirects"
    native = client.application_type == "native"
    for field in ("redirect_uris", "post_logout_redirect_uris"):
        for number, uri in enumerate(getattr(client, field)):
            rule = check_redirect_uri(uri, native=native)
            if rule is not None:
                yield f"{field}.{number}", rule


def _check_keys(client: Client) -> Iterator[tuple[str, str]]:
    with_key = client.token_endpoint_auth_method == "private_key_jwt"  # noqa: S105 (no secret)
    if with_key and client.jwks is None:
        yield "jwks", "private_key_jwt needs the client's public keys"
    if client.jwks is not None and not with_key:
        yield "jwks", "only private_key_jwt uses keys"


def _check_logout(client: Client) -> Iterator[tuple[str, str]]:
    if client.backchannel_logout_session_required and client.backchannel_logout_uri is None:
        yield "backchannel_logout_session_required", "needs a backchannel_logout_uri"


_CHECKS: tuple[Callable[[Client], Iterator[tuple[str, str]]], ...] = (
    _check_grants,
    _check_scopes,
    _check_uris,
    _check_keys,
    _check_logout,
)

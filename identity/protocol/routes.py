"""The routes that clients call."""

import json
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from identity.clients.resources import Resources
from identity.keys.signing_keys import SigningKeys
from identity.protocol.authorization_server import AuthorizationServer
from identity.protocol.endpoints.userinfo import UserinfoEndpoint
from identity.protocol.errors import InvalidRequestError, OAuth2Error
from identity.protocol.metadata import PATHS, metadata
from identity.protocol.request import Answer, Request, parse_parameters, repeated
from identity.protocol.sync import run

_FORM = "application/x-www-form-urlencoded"

_READ = ("GET", "OPTIONS")
_WRITE = ("POST", "OPTIONS")

# Clients may be pages of any origin. No cookie is read here, so nothing comes along with a page's
# request but what the page has already: its code and verifier, its token, its key.
_ANY_ORIGIN = [
    Middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type", "dpop"],
        expose_headers=["www-authenticate"],
        max_age=3600,
    )
]

# Long enough to spare a client a request, short enough that a change is noticed.
_METADATA_MAX_AGE_SECONDS = 300

type Handler = Callable[[Request], Awaitable[Answer]]
type AddressOf = Callable[[HttpRequest], str]


def protocol_routes(
    server: AuthorizationServer,
    userinfo: UserinfoEndpoint,
    keys: SigningKeys,
    resources: Resources,
    address_of: AddressOf,
) -> list[Route]:
    """Return the routes of the metadata, of the keys and of every endpoint for clients."""
    issuer = server.needs.issuer
    prefix = urlsplit(issuer).path

    def route(name: str, handler: Handler, *methods: str) -> Route:
        return _route(issuer + PATHS[name], handler, address_of, methods or ("POST",))

    return [
        *_metadata_routes(issuer, resources),
        Route(prefix + PATHS["jwks_uri"], _jwks(keys), methods=_READ, middleware=_ANY_ORIGIN),
        route("token_endpoint", _sync(server.create_token_response), *_WRITE),
        route("introspection_endpoint", _endpoint(server, "introspection")),
        route("revocation_endpoint", _endpoint(server, "revocation"), *_WRITE),
        route("device_authorization_endpoint", _endpoint(server, "device_authorization")),
        route(
            "pushed_authorization_request_endpoint",
            _endpoint(server, "pushed_authorization_request"),
            *_WRITE,
        ),
        route("userinfo_endpoint", userinfo.answer, "GET", *_WRITE),
    ]


def _sync(function: Callable[[Request], Answer]) -> Handler:
    async def handle(request: Request) -> Answer:
        return await run(function, request)

    return handle


def _endpoint(server: AuthorizationServer, name: str) -> Handler:
    async def handle(request: Request) -> Answer:
        answer: Answer = await run(server.create_endpoint_response, name, request)
        return answer

    return handle


def _route(uri: str, handler: Handler, address_of: AddressOf, methods: Sequence[str]) -> Route:
    async def endpoint(http: HttpRequest) -> Response:
        try:
            answer = await handler(await _read(http, uri, address_of))
        except OAuth2Error as error:
            status, body, headers = error()
            answer = Answer(status, body, dict(headers))
        return Response(json.dumps(answer.body), answer.status, answer.headers)

    middleware = _ANY_ORIGIN if "OPTIONS" in methods else []
    return Route(urlsplit(uri).path, endpoint, methods=methods, middleware=middleware)


async def _read(http: HttpRequest, uri: str, address_of: AddressOf) -> Request:
    """Read the form; of parameters in the URL a client's request has none (RFC 6749 §3.2)."""
    parameters: list[tuple[str, str]] = []
    if http.method == "POST":
        body = await http.body()
        if body and http.headers.get("content-type", "").partition(";")[0].strip() != _FORM:
            raise InvalidRequestError(f"The content type must be {_FORM}.")
        parameters = parse_parameters(body)
    if repeated(parameters):
        raise InvalidRequestError("A parameter is repeated.")
    return Request(
        http.method,
        uri,
        parameters,
        headers=http.headers,
        address=address_of(http),
        proofs=http.headers.getlist("dpop"),
    )


def _jwks(keys: SigningKeys) -> Callable[[HttpRequest], Awaitable[Response]]:
    async def jwks(_http: HttpRequest) -> Response:
        headers = {"Cache-Control": f"public, max-age={keys.jwks_max_age()}"}
        return Response(json.dumps(await keys.jwks_now()), 200, headers, "application/jwk-set+json")

    return jwks


def _metadata_routes(issuer: str, resources: Resources) -> list[Route]:
    """Serve the document at each name that a client may form of the issuer.

    OpenID Connect puts its well-known path behind the issuer's; RFC 8414 §3, before it.
    """
    body = json.dumps(metadata(issuer, resources))
    headers = {"Cache-Control": f"public, max-age={_METADATA_MAX_AGE_SECONDS}"}

    async def document(_http: HttpRequest) -> Response:
        return Response(body, 200, headers, "application/json")

    path = urlsplit(issuer).path
    names = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
    return [
        Route(each, document, methods=_READ, middleware=_ANY_ORIGIN)
        for name in names
        for each in dict.fromkeys((name + path, path + name))
    ]

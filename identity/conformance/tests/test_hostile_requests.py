"""Whatever strangers send: no server error, no stack trace, no token that a cache keeps.

`BODEGA_FUZZ_EXAMPLES=100000` tries that many requests at random, for a night rather than a test.
"""

import base64
import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy, composite

from identity.conformance.tests.provider import CALLBACK, DEVICE_CODE, SECRET
from identity.conformance.tests.relying_party import s256
from identity.conformance.tests.target import Received, Sent, Target, as_json, form, running
from identity.protocol.metadata import PATHS

pytest_plugins = ["runtime.testing.databases"]

_ASKED = os.environ.get("BODEGA_FUZZ_EXAMPLES")
_BOUNDED = settings(
    max_examples=int(_ASKED or 400),
    derandomize=_ASKED is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

type Headers = tuple[tuple[str, bytes], ...]

FORM = b"application/x-www-form-urlencoded"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PAGES = (
    "/", "/login", "/consent", "/select-account", "/device", "/device/confirm", "/logout",
    "/logout/confirm", "/logged-out", "/assets/x",
)  # fmt: skip
OTHERS = (
    "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server",
    "/token/", "//evil.example/login", "/%2e%2e/etc/passwd", "/%00", "/%ff",
)  # fmt: skip
METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW")


def _jwt(header: str, claims: str, signature: str = "AAAA") -> str:
    parts = (
        base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in (header, claims)
    )
    return ".".join((*parts, signature))


BROKEN_JWTS = [
    "a.b.c", "..", "....", _jwt("{}", "{}"), _jwt("[]", "[]"), _jwt('{"alg":null}', "null"),
    _jwt('{"alg":"none"}', '{"sub":"rp"}', ""), _jwt('{"alg":"HS256","kid":7}', '{"sub":7}'),
    _jwt('{"alg":"ES256","typ":"at+jwt","kid":"\\ud800"}', '{"sub":"\\ud800"}'),
    _jwt('{"alg":"ES256","typ":"dpop+jwt","jwk":{"kty":"EC","crv":"P-256","x":"","y":7}}', "{}"),
    _jwt('{"alg":"ES256","typ":"dpop+jwt","jwk":[]}', '{"iat":1e400}'),
    _jwt('{"alg":["ES256"],"typ":{},"crit":"x"}', '{"exp":NaN}'),
    _jwt('{"alg":"ES256"}', "[" * 2000), "e30.\N{SNOWMAN}.x",
]  # fmt: skip

HOSTILE: list[str | bytes] = [
    "", " ", "\0", "a\0b", "\ud800", b"\xff\xfe", b"\xc0\x80", b"%", "\u202e", "\U0001f600", "ü",
    '"', "\\", "'", "<script>alert(1)</script>", "\r\nSet-Cookie: a=b", "\t", "{{7*7}}", "%s%n",
    "null", "true", "[]", "{}", "-1", "0", "1e400", "NaN", "99999999999999999999", "٣", "²",
    "a" * 3000, "a " * 500, "../..", "http://[", "http://a:99999/", "https://evil.example",
    "javascript:alert(1)", "urn:ietf:params:oauth:request_uri:x", "x.y.z",
]  # fmt: skip

# What an honest request may say, so that the hostile part gets past the first check.
HONEST: dict[str, list[str]] = {
    "access_token": [],
    "acr_values": ["1"],
    "bodega_mark": ["login.1.x"],
    "claims": ["{}"],
    "client_assertion": BROKEN_JWTS,
    "client_assertion_type": [ASSERTION],
    "client_id": ["rp", "app", "service", "poster"],
    "client_secret": [SECRET],
    "code": [],
    "code_challenge": [s256("v" * 43)],
    "code_challenge_method": ["S256", "plain"],
    "code_verifier": ["v" * 43],
    "csrf": [],
    "decision": ["allow", "deny"],
    "device_code": [],
    "dpop_jkt": ["A" * 43],
    "grant_type": [
        "authorization_code", "client_credentials", "refresh_token", DEVICE_CODE, "password",
    ],
    "id_token_hint": [],
    "login_hint": ["alice"],
    "mark": ["login.1.x"],
    "max_age": ["0", "1", "10000"],
    "nonce": ["n"],
    "password": ["wrong horse"],
    "post_logout_redirect_uri": ["https://rp.example/bye"],
    "prompt": ["none", "login", "consent", "select_account", "login consent"],
    "redirect_uri": [CALLBACK, "http://127.0.0.1:1/callback"],
    "refresh_token": [],
    "request": ["client_id=rp"],
    "request_uri": [],
    "resource": ["urn:example:orders", "urn:example:stock"],
    "response_mode": ["query"],
    "response_type": ["code"],
    "return_to": ["/authorize?client_id=rp", "/device"],
    "scope": ["openid", "openid offline_access", "orders.read"],
    "state": ["s"],
    "token": [],
    "token_type_hint": ["refresh_token"],
    "ui_locales": ["de"],
    "user_code": [],
    "username": ["alice"],
}  # fmt: skip

# What each endpoint looks at, all of it as it should be: a request that a few changes then spoil.
WHOLE: dict[str, tuple[str, ...]] = {
    "/authorize": (
        "client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge",
        "code_challenge_method",
    ),
    "/par": ("redirect_uri", "response_type", "scope", "code_challenge", "code_challenge_method"),
    "/token": (
        "grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "device_code",
    ),
    "/introspect": ("token",),
    "/revoke": ("token",),
    "/device_authorization": ("client_id", "scope"),
    "/userinfo": ("access_token",),
    "/logout": ("id_token_hint", "post_logout_redirect_uri", "state"),
    "/login": ("csrf", "return_to", "username", "password"),
    "/device": ("csrf", "user_code"),
}  # fmt: skip


# What they look at besides, where it is there.
ALSO_READ: dict[str, tuple[str, ...]] = {
    "/authorize": (
        "acr_values", "bodega_mark", "claims", "dpop_jkt", "id_token_hint", "login_hint", "max_age",
        "nonce", "prompt", "request", "request_uri", "resource", "response_mode",
    ),
    "/par": ("client_id", "dpop_jkt", "id_token_hint", "max_age", "prompt", "resource", "state"),
    "/token": ("client_assertion", "client_id", "client_secret", "resource", "scope"),
    "/introspect": ("client_assertion", "token_type_hint"),
    "/revoke": ("client_id", "token_type_hint"),
    "/device_authorization": ("resource",),
    "/logout": ("client_id",),
}  # fmt: skip
# Without these nobody looks at those.
ALONG_WITH: dict[str, dict[str, str | bytes]] = {
    "client_assertion": {"client_assertion_type": ASSERTION},
    "client_secret": {"client_id": "poster"},
}
BY_GET = {"/authorize", "/logout", "/login", "/device"}
JWTS = {"access_token", "client_assertion", "id_token_hint", "token"}

BODIES: dict[str, tuple[bytes, bytes]] = {
    "JSON": (b"application/json", b'{"grant_type": "client_credentials"}'),
    "JSON that says it is a form": (FORM, b'{"grant_type": ["client_credentials"]}'),
    "multipart": (b"multipart/form-data; boundary=x", b"--x\r\n\r\n--x--"),
    "multipart without a boundary": (b"multipart/form-data", b"--x"),
    "a charset": (FORM + b"; charset=utf-16", b"grant_type=client_credentials"),
    "bytes": (FORM, bytes(range(256))),
    "separators": (FORM, b"&=&&==;&%&%2&%zz=%zz"),
    "a thousand fields": (FORM, b"&".join(b"a%d=b" % number for number in range(1000))),
    "nothing": (FORM, b""),
    "no content type": (b"", b"grant_type=client_credentials"),
    "another content type": (b"\xff/\xff", b"grant_type=client_credentials"),
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """Serve on both databases: what one of them takes, the other may not."""
    folder = tmp_path_factory.mktemp("target")
    if request.param == "sqlite":
        url = f"sqlite:///{folder}/data/test.db"
    else:
        url = request.getfixturevalue("postgres_server").create_database()
    with running(url, folder / "data", address_rate=100_000, lock_after=100_000) as serving:
        yield serving


def _values(name: str, target: Target) -> SearchStrategy[str | bytes]:
    honest: list[str | bytes] = [*HONEST.get(name, ["x"]), *target.tokens.values()]
    likely = [target.tokens[name]] if name in target.tokens else HONEST.get(name, [])
    return st.one_of(
        st.sampled_from([*likely, *likely] or honest),
        st.sampled_from(honest),
        st.sampled_from([*HOSTILE, *BROKEN_JWTS]),
        st.text(max_size=20),
        st.binary(max_size=20),
    )


@composite
def _parameters(draw: Any, target: Target, path: str) -> list[tuple[str, str | bytes]]:
    """Draw an honest request and spoil it: replaced, repeated, left out, added."""
    pairs: list[tuple[str, str | bytes]] = []
    for name in WHOLE.get(path, ()):
        likely = HONEST[name] or [target.tokens.get(name, "x")]
        pairs.append((name, draw(st.sampled_from(likely))))
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from(sorted(HONEST)))
        value = draw(_values(name, target))
        if draw(st.booleans()):
            pairs = [pair for pair in pairs if pair[0] != name]
        pairs.append((name, value))
    if draw(st.integers(0, 9)) == 0:
        pairs.append((draw(st.text(max_size=5)), draw(_values("", target))))
    return pairs


def _basic(client_id: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{client_id}:{SECRET}".encode())


def _authorizations(target: Target) -> list[bytes]:
    token = target.tokens["access_token"].encode()
    return [
        _basic("rp"), _basic("rp"), _basic("service"), _basic("api"), _basic("nobody"),
        b"Bearer " + token, b"DPoP " + token, b"Bearer", b"Basic", b"Basic ???", b"Basic /w==",
        b"Basic " + base64.b64encode(b"\0:\0"), b"Basic " + base64.b64encode(b"a%00:%ff"),
        b"Basic " + base64.b64encode(b"\xff:x"), b"\xff\xfe", b"Negotiate x",
        b"Bearer \xff.\xff.\xff",
        *(b"Bearer " + token.encode("utf-8", "replace") for token in BROKEN_JWTS),
    ]  # fmt: skip


def _offered(target: Target) -> dict[str, list[bytes]]:
    """Return the headers that anything reads, with values of all kinds."""
    cookie = target.cookie.encode()
    broken = [each.encode("utf-8", "replace") for each in BROKEN_JWTS]
    return {
        "Authorization": _authorizations(target),
        "Cookie": [
            cookie, cookie, cookie, b"bodega=x", b"bodega=\xff; bodega-known=a.b.c", b"=;;=",
            b"bodega-known=" + b"." * 500,
        ],
        "DPoP": broken,
        "Accept": [b"text/html", b"*/*", b"\xff"],
        "Host": [b"evil.example", b"[", b"a b", b"", b"\xff", b"x?y#z"],
        "Origin": [target.issuer.encode(), b"null", b"https://evil.example", b"\xff"],
        "X-Forwarded-For": [b"1.2.3.4", b"x, y", b"\xff", b"," * 200],
    }  # fmt: skip


@composite
def _headers(draw: Any, target: Target) -> Headers:
    offered = _offered(target)
    names = draw(st.lists(st.sampled_from(sorted(offered)), max_size=3))
    names += draw(st.sampled_from([["Authorization"], ["Cookie"], []]))
    return tuple((name, draw(st.sampled_from(offered[name]))) for name in names)


@composite
def requests(draw: Any, target: Target) -> Sent:
    """Draw a request of whatever kind."""
    path = draw(st.sampled_from([*PATHS.values(), *PATHS.values(), *WHOLE, *PAGES, *OTHERS]))
    pairs = draw(_parameters(target, path))
    headers = draw(_headers(target))
    method = draw(st.sampled_from([*(("GET", "POST", "POST") * 3), *METHODS]))
    if method in {"GET", "HEAD"} or draw(st.integers(0, 9)) == 0:
        query = (
            form(pairs) if draw(st.integers(0, 9)) else draw(st.binary(max_size=30)).hex().encode()
        )
        return Sent(method, path.encode() + b"?" + query, headers)
    usual = (FORM, form(pairs))
    content_type, body = draw(
        st.sampled_from([*([usual] * 12), (b"application/json", as_json(pairs)), *BODIES.values()])
    )
    headers = (*headers, ("Content-Type", content_type))
    return Sent(method, path.encode(), headers, body, chunked=draw(st.booleans()))


def check(sent: Sent, received: Received, target: Target) -> None:
    """Say what must hold of every answer, whatever was asked."""
    assert 200 <= received.status < 500, received
    assert not re.search(rb"Traceback|\.py|sqlalchemy|Error:|NoneType", received.body), received
    if received.body == b"Invalid HTTP request received.":  # It never was a request.
        return
    assert received.header("x-content-type-options") == "nosniff"
    assert "frame-ancestors 'none'" in received.header("content-security-policy") or (
        sent.path.startswith(b"/assets/") or received.status == 200
    )
    _check_redirection(received, target)
    if re.search(rb'"(access_token|refresh_token|id_token|error|sub|active)":', received.body):
        assert received.header("cache-control") == "no-store", received


def _check_redirection(received: Received, target: Target) -> None:
    location = received.header("location")
    if location:
        assert received.status == 303
        assert "\n" not in location
        parts = urlsplit(location)
        ours = not parts.scheme and not parts.netloc and location.startswith("/")
        registered = ("https://rp.example/", "http://127.0.0.1:")
        assert ours or location.startswith(registered), location
        assert "evil.example" not in parts.netloc


@_BOUNDED
@given(data=st.data())
def test_whatever_is_sent_there_is_an_answer_that_gives_nothing_away(
    target: Target, data: st.DataObject
) -> None:
    sent = data.draw(requests(target))
    check(sent, target.send(sent), target)


@pytest.mark.parametrize("path", sorted(WHOLE))
def test_one_hostile_value_in_an_honest_request(target: Target, path: str) -> None:
    honest = {name: (HONEST[name] or [target.tokens.get(name, "x")])[0] for name in WHOLE[path]}
    for name in (*WHOLE[path], *ALSO_READ.get(path, ())):
        for value in [*HOSTILE, *(BROKEN_JWTS if name in JWTS else [])]:
            query = form(list((honest | ALONG_WITH.get(name, {}) | {name: value}).items()))
            headers = (*_who(target, path, name), ("Content-Type", FORM))
            sent = Sent("POST", path.encode(), headers, query)
            check(sent, target.send(sent), target)
            if path in BY_GET:
                sent = Sent("GET", path.encode() + b"?" + query, headers)
                check(sent, target.send(sent), target)


def _who(target: Target, path: str, name: str) -> Headers:
    """Return what the sender is known by, unless it is what the hostile value is about."""
    if path in BY_GET:
        return (("Cookie", target.cookie.encode()),)
    return () if name.startswith("client_") else (("Authorization", _basic("rp")),)


@pytest.mark.parametrize("path", sorted({*PATHS.values(), *PAGES}))
def test_one_hostile_header(target: Target, path: str) -> None:
    headers = [(name, value) for name, values in _offered(target).items() for value in values]
    body = form([("grant_type", "client_credentials"), ("token", "x")])
    for header in headers:
        for method in ("GET", "POST"):
            sent = Sent(method, path.encode(), (header, ("Content-Type", FORM)), body)
            check(sent, target.send(sent), target)


@pytest.mark.parametrize("kind", sorted(BODIES))
def test_a_body_that_is_no_form(target: Target, kind: str) -> None:
    content_type, body = BODIES[kind]
    for path in (*PATHS.values(), *PAGES):
        for chunked in (False, True):
            headers = (("Content-Type", content_type), ("Authorization", _basic("service")))
            sent = Sent("POST", path.encode(), headers, body, chunked=chunked)
            check(sent, target.send(sent), target)


@pytest.mark.parametrize("method", METHODS)
def test_every_path_answers_every_method(target: Target, method: str) -> None:
    for path in (*PATHS.values(), *PAGES, *OTHERS):
        sent = Sent(method, path.encode(), (("Content-Type", FORM),))
        check(sent, target.send(sent), target)


@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_too_large_is_not_read(target: Target, chunked: bool) -> None:
    for path in ("/token", "/login", "/userinfo", "/authorize"):
        sent = Sent("POST", path.encode(), (("Content-Type", FORM),), b"a" * 70_000, chunked)
        received = target.send(sent)
        assert received.status == 413
        check(sent, received, target)


def test_raw_bytes_that_are_no_http_are_refused(target: Target) -> None:
    for path in (b"/authorize?client_id=\xff", b"/\xff", b"/authorize?state=\xc3\xbc"):
        assert target.send(Sent("GET", path)).status in {400, 404}

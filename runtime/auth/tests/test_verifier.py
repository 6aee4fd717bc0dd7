"""Hostile tokens, and tokens at the edge of their time. Every one is refused for its own reason."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.auth.issuer import Issuer
from runtime.auth.jwks import Jwks
from runtime.auth.refresh import AwayError
from runtime.auth.verifier import (
    MAX_TOKEN_BYTES,
    TokenError,
    TokenExpiredError,
    Verified,
    Verifier,
)
from runtime.testing import forging
from runtime.testing.forging import segment
from runtime.testing.issuer import AUDIENCE, KEYS, LoopbackIssuer, SigningKey

# Wide, so that a token stays on its side of an edge however long its test takes.
LEEWAY = timedelta(days=1)
DAY, HOUR = 24 * 3600, 3600


class Check:
    """Verifies tokens of the issuer."""

    def __init__(self, issuer: LoopbackIssuer) -> None:
        # Its clock stands still, or how often it may ask would depend on how long that takes.
        self.keys = Jwks(Issuer(issuer.url), monotonic=lambda: 0.0)
        self.verifier = Verifier(self.keys, issuer=issuer.url, audience=AUDIENCE, leeway=LEEWAY)

    async def __call__(self, token: str) -> Verified:
        return self.verifier.verify(token, await self.verifier.key_of(token))


@pytest.fixture
async def check(issuer: LoopbackIssuer) -> AsyncIterator[Check]:
    made = Check(issuer)
    yield made
    await made.keys.close()


def unsigned(issuer: LoopbackIssuer, **header: object) -> str:
    return forging.unsigned(issuer.signing, issuer.claims(AUDIENCE), **header)


def hs256_with_the_public_key(issuer: LoopbackIssuer) -> str:
    return forging.hs256_with_the_public_key(issuer.signing, issuer.claims(AUDIENCE))


def signed(issuer: LoopbackIssuer, **header: object) -> str:
    return issuer.signing.sign(issuer.claims(AUDIENCE), **header)


def embedded_key(issuer: LoopbackIssuer) -> str:
    """The token brings its own key, under a kid that nobody knows."""
    own = SigningKey("evil")
    return own.sign(issuer.claims(AUDIENCE), jwk=own.jwk, jku="http://127.0.0.1:1/k", x5u="x")


def key_of_another(issuer: LoopbackIssuer) -> str:
    """Signed with one's own key under the kid of the issuer's, which it embeds as well."""
    own = SigningKey(issuer.signing.kid)
    return own.sign(issuer.claims(AUDIENCE), jwk=own.jwk)


def other_kid_of_the_issuer(issuer: LoopbackIssuer) -> str:
    old = issuer.signing
    new = issuer.rotate()
    return old.sign(issuer.claims(AUDIENCE), kid=new.kid)


def cut(issuer: LoopbackIssuer) -> str:
    return signed(issuer)[:-4]


def altered(issuer: LoopbackIssuer) -> str:
    header, _, signature = signed(issuer).split(".")
    return f"{header}.{segment(issuer.claims(AUDIENCE, 'admin'))}.{signature}"


def no_object(issuer: LoopbackIssuer) -> str:
    header = {"kid": issuer.signing.kid, "typ": "at+jwt"}
    return jwt.PyJWS().encode(b"[1]", issuer.signing.private, "ES256", header)


HOSTILE: dict[str, tuple[Callable[[LoopbackIssuer], str], str]] = {
    "alg none": (lambda issuer: unsigned(issuer, alg="none"), "algorithm is none of"),
    "alg None": (lambda issuer: unsigned(issuer, alg="nOnE"), "algorithm is none of"),
    "no alg": (unsigned, "malformed|algorithm is none of"),
    "alg a list": (lambda issuer: unsigned(issuer, alg=["ES256"]), "malformed|algorithm"),
    "HS256 with the public key": (hs256_with_the_public_key, "algorithm is none of"),
    "alg of another kind of key": (lambda issuer: unsigned(issuer, alg="RS256"), "not one of"),
    "empty signature": (lambda issuer: unsigned(issuer, alg="ES256"), "signature is wrong"),
    "cut": (cut, "signature is wrong|malformed"),
    "altered": (altered, "signature is wrong"),
    "key in the header": (embedded_key, "not one of the issuer's"),
    "key in the header, kid of ours": (key_of_another, "signature is wrong"),
    "kid of another key": (other_kid_of_the_issuer, "signature is wrong"),
    "kid unknown": (lambda issuer: signed(issuer, kid="key-99"), "not one of the issuer's"),
    "kid a number": (lambda issuer: unsigned(issuer, alg="ES256", kid=1), "malformed|name its key"),
    "kid missing": (lambda issuer: unsigned(issuer, alg="ES256", kid=None), "malformed|name its"),
    "kid empty": (lambda issuer: signed(issuer, kid=""), "name its key"),
    "kid a path": (lambda issuer: signed(issuer, kid="../../dev/null"), "not one of the issuer's"),
    "kid long": (lambda issuer: signed(issuer, kid="k" * 1000), "name its key"),
    "typ JWT": (lambda issuer: signed(issuer, typ="JWT"), "no access token"),
    "typ missing": (lambda issuer: signed(issuer, typ=None), "no access token|malformed"),
    "typ of a logout token": (lambda issuer: signed(issuer, typ="logout+jwt"), "no access token"),
    "crit": (lambda issuer: signed(issuer, crit=["exp"], exp=1), "crit|malformed"),
    "crit b64": (lambda issuer: signed(issuer, crit=["b64"], b64=True), "crit|malformed"),
    "payload no object": (no_object, "malformed"),
    "too long": (lambda issuer: signed(issuer, pad="p" * MAX_TOKEN_BYTES), "longer than"),
    "deep": (lambda _: f"{segment(b'[' * 2500)}.e30.e30", "malformed"),
    "encrypted": (lambda _: "e30.e30.e30.e30.e30", "malformed"),
    "empty": (lambda _: "", "malformed"),
    "dots": (lambda _: "..", "malformed"),
    "not ASCII": (lambda _: "é.é.é", "malformed"),
}


@pytest.mark.parametrize(("make", "rule"), HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_token_is_refused(
    issuer: LoopbackIssuer, check: Check, make: Callable[[LoopbackIssuer], str], rule: str
) -> None:
    with pytest.raises(TokenError, match=rule):
        await check(make(issuer))


NOW = int(time.time())
CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "other audience": ({"aud": "urn:bodega:other"}, "another audience"),
    "audience that begins like ours": ({"aud": f"{AUDIENCE}.evil"}, "another audience"),
    "no audience": ({"aud": None}, "malformed|another audience|lacks"),
    "empty audiences": ({"aud": []}, "another audience|lacks"),
    "other issuer": ({"iss": "http://127.0.0.1:1"}, "another issuer"),
    "issuer with a slash": ({"iss": "slash"}, "another issuer"),
    "issuer a list": ({"iss": ["x"]}, "malformed|another issuer"),
    "not yet": ({"nbf": NOW + 2 * DAY}, "not valid yet"),
    "issued in the future": ({"iat": NOW + 2 * DAY, "exp": NOW + 3 * DAY}, "not valid yet"),
    "exp a text": ({"exp": str(NOW + 3600)}, "wrong type"),
    "exp no number": ({"exp": float("nan")}, "malformed"),
    "exp infinite": ({"exp": float("inf")}, "malformed"),
    "exp an object": ({"exp": {}}, "malformed"),
    "nbf infinite": ({"nbf": float("inf")}, "malformed"),
    "iat a text": ({"iat": str(NOW)}, "wrong type"),
    "sub a number": ({"sub": 7}, "malformed|wrong type"),
    "sub empty": ({"sub": ""}, "wrong type"),
    "client a number": ({"client_id": 7}, "wrong type"),
    "scope a list": ({"scope": ["echo.write"]}, "wrong type"),
    "cnf a text": ({"cnf": "jkt"}, "wrong type"),
}


@pytest.mark.parametrize(("claims", "rule"), CLAIMS.values(), ids=CLAIMS)
async def test_a_token_with_a_wrong_claim_is_refused(
    issuer: LoopbackIssuer, check: Check, claims: dict[str, Any], rule: str
) -> None:
    if claims.get("iss") == "slash":
        claims = {"iss": f"{issuer.url}/"}
    with pytest.raises(TokenError, match=rule):
        await check(issuer.signing.sign({**issuer.claims(AUDIENCE), **claims}))


async def test_a_token_that_ends_before_it_begins_is_refused(
    issuer: LoopbackIssuer, check: Check
) -> None:
    now = int(time.time())
    with pytest.raises(TokenError, match="before it was issued"):
        await check(issuer.token(AUDIENCE, iat=now, exp=now - 5))


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "client_id", "exp", "iat", "jti"])
async def test_a_token_without_a_claim_of_rfc_9068_is_refused(
    issuer: LoopbackIssuer, check: Check, claim: str
) -> None:
    claims = issuer.claims(AUDIENCE)
    del claims[claim]
    with pytest.raises(TokenError, match=r"lacks a claim|another"):
        await check(issuer.signing.sign(claims))


async def test_a_token_may_have_several_audiences(issuer: LoopbackIssuer, check: Check) -> None:
    assert (
        await check(issuer.token(AUDIENCE, aud=["urn:other", AUDIENCE]))
    ).caller.client_id == "tester"


async def test_the_long_form_of_typ_is_the_same(issuer: LoopbackIssuer, check: Check) -> None:
    assert (await check(signed(issuer, typ="application/AT+JWT"))).caller.client_id == "tester"


async def test_no_scope_is_no_scope(issuer: LoopbackIssuer, check: Check) -> None:
    claims = issuer.claims(AUDIENCE)
    del claims["scope"]
    found = await check(issuer.signing.sign(claims))
    assert found.caller.scopes == frozenset()


async def test_clocks_may_differ_by_the_leeway(issuer: LoopbackIssuer, check: Check) -> None:
    now = int(time.time())
    behind = {"iat": now + DAY - HOUR, "nbf": now + DAY - HOUR, "exp": now + DAY}
    ahead = {"iat": now - DAY, "exp": now - DAY + HOUR}
    for claims in (behind, ahead):
        assert (await check(issuer.token(AUDIENCE, **claims))).caller.client_id == "tester"
    with pytest.raises(TokenExpiredError):
        await check(issuer.token(AUDIENCE, iat=now - 2 * DAY, exp=now - DAY - HOUR))
    with pytest.raises(TokenError, match="not valid yet"):
        await check(issuer.token(AUDIENCE, nbf=now + DAY + HOUR))


@pytest.mark.parametrize(
    ("alg", "private"),
    [
        ("RS256", rsa.generate_private_key(65537, 2048)),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_each_algorithm_that_is_accepted(
    issuer: LoopbackIssuer, check: Check, alg: str, private: Any
) -> None:
    maker = jwt.algorithms.get_default_algorithms()[alg]
    jwk = {**maker.to_jwk(private.public_key(), as_dict=True), "kid": "own"}
    issuer.extra_keys = [jwk]
    token = jwt.encode(issuer.claims(AUDIENCE), private, alg, {"kid": "own", "typ": "at+jwt"})
    assert (await check(token)).key.alg == alg


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
@settings(max_examples=200, deadline=None)
def test_garbage_is_refused_before_anybody_is_asked(garbage: str) -> None:
    verifier = Verifier(Jwks(Issuer("http://127.0.0.1:1")), issuer="x", audience="y")
    with pytest.raises(TokenError):
        verifier.key_of(garbage).send(None)


async def test_a_kid_that_nobody_has_seen_asks_the_issuer_at_a_limited_rate(
    issuer: LoopbackIssuer, check: Check
) -> None:
    outcomes = Counter[type[Exception]]()
    for number in range(100):
        try:
            await check(signed(issuer, kid=f"evil-{number}"))
        except (TokenError, AwayError) as error:
            outcomes[type(error)] += 1
    assert outcomes == {TokenError: 11, AwayError: 89}
    assert issuer.requests[KEYS] == 11
    assert (await check(signed(issuer))).caller.client_id == "tester"

"""Tokens as they are made and read, and those that others make up."""

import base64
import hmac
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity.clients.client import Client, parse_client
from identity.clients.clients import Clients
from identity.keys.algorithms import (
    ALGORITHMS,
    Algorithm,
    generate,
    half_hash,
    public_jwk,
    thumbprint,
)
from identity.keys.key_cipher import KeyCipher
from identity.keys.signing_keys import SigningKeys
from identity.keys.tokens import LOGOUT_EVENT, Tokens
from identity.model import Grant, User
from identity.settings import KeySettings
from identity.tests.times import HandClock
from runtime.clock import SECOND
from runtime.database import Database, open_database
from runtime.errors import Unavailable
from runtime.migrate import upgrade

ISSUER = "https://identity.example"
CLIENT = parse_client({"client_id": "web", "grant_types": ["client_credentials"]})
USER = User("user-1", "alice", "Alice", None, email_verified=False, disabled=False)
LIFETIME = timedelta(minutes=10)


def grant_at(auth_time: int) -> Grant:
    return Grant("grant-1", "web", "user-1", "sid-1", ("openid",), (), auth_time, None, 0, False)


@pytest.fixture
async def keys(sqlite_url: str, clock: HandClock) -> AsyncIterator[SigningKeys]:
    await upgrade(sqlite_url, "identity.migrations")
    database = await open_database(sqlite_url)
    yield await keys_of(database, clock)
    await database.close()


async def keys_of(
    database: Database, clock: HandClock, algorithm: Algorithm = "ES256"
) -> SigningKeys:
    return await SigningKeys.open(
        database,
        KeyCipher([bytes(32)]),
        KeySettings.model_validate({"signing_algorithm": algorithm}),
        token_lifetime=LIFETIME,
        clock=clock,
    )


def tokens_of(keys: SigningKeys, clock: HandClock, issuer: str = ISSUER) -> Tokens:
    return Tokens(
        issuer, keys, access_token_lifetime=LIFETIME, id_token_lifetime=LIFETIME, clock=clock
    )


@pytest.fixture
def tokens(keys: SigningKeys, clock: HandClock) -> Tokens:
    return tokens_of(keys, clock)


def access_token(tokens: Tokens, **more: Any) -> str:
    given: dict[str, Any] = {"subject": "web", "client_id": "web", "scopes": ["read"], **more}
    return tokens.access_token(**given)[0]


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


async def test_an_access_token_has_the_claims_of_rfc_9068(
    tokens: Tokens, keys: SigningKeys, clock: HandClock
) -> None:
    token, claims = tokens.access_token(
        subject="user-1",
        client_id="web",
        scopes=["openid", "read"],
        audience=["urn:a"],
        grant_id="grant-1",
        auth_time=clock() - SECOND,
        jkt="thumbprint",
    )
    now = clock() // SECOND
    assert jwt.get_unverified_header(token) == {
        "alg": "ES256",
        "kid": keys.signer().kid,
        "typ": "at+jwt",
    }
    assert claims_of(token) == claims
    assert claims == {
        "iss": ISSUER,
        "sub": "user-1",
        "aud": "urn:a",
        "client_id": "web",
        "iat": now,
        "exp": now + 600,
        "jti": claims["jti"],
        "scope": "openid read",
        "gid": "grant-1",
        "auth_time": now - 1,
        "cnf": {"jkt": "thumbprint"},
    }
    assert await tokens.read_access_token(token) == claims


async def test_no_two_access_tokens_are_the_same(tokens: Tokens) -> None:
    assert len({claims_of(access_token(tokens))["jti"] for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("audience", "aud"), [([], ISSUER), (["urn:a"], "urn:a"), (["urn:a", "urn:b"], None)]
)
async def test_the_audience_is_the_resources_else_the_issuer(
    tokens: Tokens, audience: list[str], aud: str | None
) -> None:
    assert claims_of(access_token(tokens, audience=audience))["aud"] == (aud or audience)


async def test_an_access_token_ends_to_the_second(tokens: Tokens, clock: HandClock) -> None:
    token = access_token(tokens)
    clock.advance(LIFETIME - timedelta(microseconds=1))
    assert await tokens.read_access_token(token) is not None
    clock.now += 1
    assert await tokens.read_access_token(token) is None


async def test_an_id_token_has_the_claims_of_openid_connect(
    tokens: Tokens, clock: HandClock
) -> None:
    access = access_token(tokens)
    token = tokens.id_token(
        client=CLIENT, user=USER, grant=grant_at(clock()), nonce="n-1", access_token=access
    )
    now = clock() // SECOND
    assert jwt.get_unverified_header(token)["typ"] == "JWT"
    assert claims_of(token) == {
        "iss": ISSUER,
        "sub": "user-1",
        "aud": "web",
        "iat": now,
        "exp": now + 600,
        "auth_time": now,
        "nonce": "n-1",
        "acr": "1",
        "amr": ["pwd"],
        "sid": "sid-1",
        "at_hash": half_hash(access, "ES256"),
    }


def test_at_hash_is_that_of_the_specification() -> None:
    # OpenID Connect Core, appendix A.3.
    assert half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "RS256") == (
        "77QmUPtjPfzWtF2AnpK9RQ"
    )


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP"
        "ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY"
        "368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f"
        "M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    jwk = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_no_kid_begins_with_a_dash() -> None:
    """`identity-admin keys delete KID` would take it for a flag."""
    kids = [public_jwk(generate("EdDSA"), "EdDSA")["kid"] for _ in range(1000)]
    assert not [kid for kid in kids if kid.startswith("-")]


async def test_a_logout_token_names_the_session_and_has_no_nonce(
    tokens: Tokens, clock: HandClock
) -> None:
    token = tokens.logout_token(client=CLIENT, user_id="user-1", sid="sid-1")
    claims = claims_of(token)
    assert jwt.get_unverified_header(token)["typ"] == "logout+jwt"
    assert claims["events"] == {LOGOUT_EVENT: {}}
    assert (claims["iss"], claims["sub"], claims["aud"]) == (ISSUER, "user-1", "web")
    assert claims["sid"] == "sid-1"
    assert claims["exp"] - claims["iat"] == 120
    assert claims["jti"]
    assert "nonce" not in claims


async def test_no_kind_of_token_passes_for_another(tokens: Tokens, clock: HandClock) -> None:
    access = access_token(tokens)
    identity = tokens.id_token(client=CLIENT, user=USER, grant=grant_at(clock()), nonce=None)
    logout = tokens.logout_token(client=CLIENT, user_id="user-1", sid="sid-1")
    assert [
        await tokens.read_access_token(each) is None for each in (access, identity, logout)
    ] == [
        False,
        True,
        True,
    ]
    assert [
        await tokens.read_id_token_hint(each) is None for each in (access, identity, logout)
    ] == [
        True,
        False,
        True,
    ]


async def test_an_expired_id_token_is_a_hint_still(tokens: Tokens, clock: HandClock) -> None:
    token = tokens.id_token(client=CLIENT, user=USER, grant=grant_at(clock()), nonce=None)
    clock.advance(timedelta(minutes=15))
    claims = await tokens.read_id_token_hint(token)
    assert claims is not None
    assert claims["sub"] == "user-1"


async def test_another_issuers_token_under_our_key_is_not_ours(
    keys: SigningKeys, clock: HandClock
) -> None:
    token = access_token(tokens_of(keys, clock, "https://other.example"))
    assert await tokens_of(keys, clock).read_access_token(token) is None


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_client_gets_id_tokens_of_the_algorithm_that_it_registered(
    database: Database, clock: HandClock, algorithm: Algorithm
) -> None:
    client = Client(
        client_id="web",
        client_name="Web",
        grant_types=("client_credentials",),
        id_token_signed_response_alg=algorithm,
    )
    keys = await keys_of(database, clock)
    tokens = tokens_of(keys, clock)
    await Clients(database, clock).put(client, source="admin")
    clock.advance(timedelta(seconds=10))
    await keys.follow()
    if algorithm != "ES256":
        with pytest.raises(Unavailable, match=r"no .* key to sign with yet"):
            tokens.logout_token(client=client, user_id="user-1", sid=None)
    clock.advance(timedelta(seconds=20))
    token = tokens.id_token(client=client, user=USER, grant=grant_at(clock()), nonce=None)
    assert jwt.get_unverified_header(token)["alg"] == algorithm
    assert await tokens.read_id_token_hint(token) is not None
    assert jwt.get_unverified_header(access_token(tokens))["alg"] == "ES256"


def forged(header: dict[str, Any], claims: object, signature: bytes = b"") -> str:
    def encode(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(map(encode, parts))


async def test_tokens_that_attackers_make_are_refused(
    tokens: Tokens, keys: SigningKeys, clock: HandClock
) -> None:
    token, claims = tokens.access_token(subject="web", client_id="web", scopes=["read"])
    header = jwt.get_unverified_header(token)
    signer, theirs = keys.signer(), generate("ES256")
    jwk = public_jwk(theirs, "ES256")

    def signed(changes: dict[str, Any], key: Any = theirs) -> str:
        return jwt.encode(claims, key, algorithm="ES256", headers={**header, **changes})

    unsigned = forged({**header, "alg": "HS256"}, claims).rstrip(".")
    public = signer.private_key.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    mac = hmac.digest(public, unsigned.encode(), "sha256")
    hostile = {
        "no signature": forged({**header, "alg": "none"}, claims),
        "NONE": forged({**header, "alg": "NONE"}, claims),
        "their key under our kid": signed({}),
        "their key in the header": signed({"jwk": jwk}),
        "their key by its kid": signed({"jwk": jwk, "kid": jwk["kid"]}),
        "their key by URL": signed({"jku": "https://evil.example/jwks"}),
        "our public key as a secret": forged({**header, "alg": "HS256"}, claims, mac),
        "another algorithm": forged({**header, "alg": "ES384"}, claims, b"x" * 96),
        "zero signature": forged(header, claims, bytes(64)),
        "no kid": jwt.encode(claims, signer.private_key, "ES256", headers={"typ": "at+jwt"}),
        "a kid that is no text": forged({**header, "kid": 1}, claims, bytes(64)),
        "a kid with SQL": forged({**header, "kid": "' OR 1=1 --"}, claims, bytes(64)),
        "critical": signed({"crit": ["b64"], "b64": False}, signer.private_key),
        "empty critical": signed({"crit": []}, signer.private_key),
        "no typ": jwt.encode(
            claims, signer.private_key, "ES256", headers={"kid": signer.kid, "typ": None}
        ),
        "another typ": signed({"typ": "dpop+jwt"}, signer.private_key),
        "claims that are no object": forged(header, [1]),
        "much too long": token + "A" * 20_000,
        "four parts": token + ".AAAA",
        "more after the signature": token + "A",
        "a space": token + " ",
        "nothing": "",
        "dots": "..",
        "beyond ASCII": token.replace(".", ".\u00e9", 1),
        "surrogates": "\udc80.\udc80.\udc80",
    }
    for what, each in hostile.items():
        assert await tokens.read_access_token(each) is None, what
        assert await tokens.read_id_token_hint(each) is None, what
    assert await tokens.read_access_token(signed({}, signer.private_key)) == claims


@pytest.mark.parametrize(
    "change",
    [
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": float("nan")},
        {"exp": True},
        {"iss": ISSUER + "/"},
        {"iss": [ISSUER]},
        {"sub": 1},
        {"jti": None},
        {"scope": ["read"]},
        {"client_id": None},
    ],
)
async def test_claims_of_a_wrong_type_are_refused_though_signed(
    tokens: Tokens, keys: SigningKeys, change: dict[str, Any]
) -> None:
    _, claims = tokens.access_token(subject="web", client_id="web", scopes=["read"])
    signer = keys.signer()
    token = jwt.api_jws.encode(
        json.dumps({**claims, **change}).encode(),
        signer.private_key,
        algorithm="ES256",
        headers={"kid": signer.kid, "typ": "at+jwt"},
    )
    assert await tokens.read_access_token(token) is None


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_changed_token_is_refused(tokens: Tokens, data: st.DataObject) -> None:
    token = access_token(tokens)
    # The last character has bits that decoders ignore, so it is left as it is.
    position = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.sampled_from("ABCDEFabcdef0123456789-_.=+/ \n\x00\u00e9"))
    changed = token[:position] + other + token[position + 1 :]
    assert (await tokens.read_access_token(changed) is None) is (changed != token)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    header=st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "jwk"]) | st.text(), _JSON
    ),
    claims=_JSON,
    signature=st.binary(max_size=100),
    text=st.text(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_sent_is_answered_and_not_believed(
    tokens: Tokens,
    keys: SigningKeys,
    header: dict[str, Any],
    claims: Any,
    signature: bytes,
    text: str,
) -> None:
    ours = {"kid": keys.signer().kid, "typ": "at+jwt"}
    for each in (forged(header, claims, signature), forged(header | ours, claims, signature), text):
        assert await tokens.read_access_token(each) is None
        assert await tokens.read_id_token_hint(each) is None

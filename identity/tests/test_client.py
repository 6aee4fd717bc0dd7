"""What may be registered of a client, and what its requests may name."""

from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from identity.clients.client import DEVICE_CODE, Client, parse_client, to_metadata
from identity.clients.resources import Resource, Resources
from identity.keys.algorithms import generate, public_jwk
from identity.protocol.jwts import ALGORITHMS
from runtime.errors import InvalidArgument

SERVICE = {"client_id": "service", "grant_types": ["client_credentials"]}
WEB = {
    "client_id": "web",
    "grant_types": ["authorization_code", "refresh_token"],
    "redirect_uris": ["https://example.com/callback"],
    "scope": "openid offline_access",
}
NATIVE = {
    "client_id": "cli",
    "application_type": "native",
    "token_endpoint_auth_method": "none",
    "grant_types": ["authorization_code"],
    "redirect_uris": ["http://127.0.0.1/callback", "http://[::1]/callback"],
}
KEY = public_jwk(generate("ES256"), "ES256")
OTHER = public_jwk(generate("EdDSA"), "EdDSA")
PRIVATE = jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)


def with_keys(*keys: object) -> dict[str, object]:
    return {
        **SERVICE,
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": list(keys)},
    }


def broken(metadata: Mapping[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidArgument) as caught:
        parse_client(metadata)
    return {violation.field: violation.rule for violation in caught.value.violations}


@pytest.mark.parametrize("metadata", [SERVICE, WEB, NATIVE, with_keys(KEY), with_keys(KEY, OTHER)])
def test_metadata_is_read_back_as_it_was_written(metadata: dict[str, Any]) -> None:
    client = parse_client(metadata)
    assert parse_client(to_metadata(client)) == client
    assert client.client_name == client.client_id


@pytest.mark.parametrize(
    ("metadata", "field", "rule"),
    [
        ({**SERVICE, "client_id": "../etc"}, "client_id", "must be 1 to 128"),
        ({**SERVICE, "client_id": "a\n"}, "client_id", "must be 1 to 128"),
        ({**SERVICE, "client_id": ""}, "client_id", "must be 1 to 128"),
        ({"client_id": "a"}, "grant_types", "required"),
        ({**SERVICE, "grant_types": []}, "grant_types", "one at least"),
        ({**SERVICE, "grant_types": ["password"]}, "grant_types.0", "should be"),
        ({**SERVICE, "grant_types": ["implicit"]}, "grant_types.0", "should be"),
        ({**SERVICE, "grant_types": ["client_credentials"] * 2}, "grant_types", "twice"),
        ({**SERVICE, "grant_types": ["refresh_token"]}, "grant_types", "beside it"),
        ({**SERVICE, "token_endpoint_auth_method": "none"}, "grant_types", "authenticates"),
        ({**SERVICE, "jwks_uri": "https://example.com"}, "jwks_uri", "no member"),
        ({**SERVICE, "client_name": "a\u202eb"}, "client_name", "people can read"),
        ({**SERVICE, "client_name": " "}, "client_name", "people can read"),
        ({**SERVICE, "trusted": "yes"}, "trusted", "true or false"),
        ({**SERVICE, "scope": "a  b"}, "scope", "one space"),
        ({**SERVICE, "scope": "a a"}, "scope", "twice"),
        ({**SERVICE, "scope": 'a"b'}, "scope", "scope names"),
        ({**SERVICE, "scope": "openid"}, "scope", "about a user"),
        ({**SERVICE, "scope": "offline_access"}, "scope", "refresh_token"),
        ({**SERVICE, "redirect_uris": ["https://a.example"]}, "redirect_uris", "redirects"),
        ({**WEB, "redirect_uris": []}, "redirect_uris", "one at least"),
        ({**WEB, "redirect_uris": "https://a.example"}, "redirect_uris", "must be a list"),
        ({**WEB, "id_token_signed_response_alg": "none"}, "id_token_signed_response_alg", "should"),
        (
            {**WEB, "id_token_signed_response_alg": "HS256"},
            "id_token_signed_response_alg",
            "should",
        ),
        ({**WEB, "backchannel_logout_uri": "http://a.example/"}, "backchannel_logout_uri", "https"),
        ({**WEB, "backchannel_logout_uri": "https://u@a/"}, "backchannel_logout_uri", "user"),
        (
            {**WEB, "backchannel_logout_session_required": True},
            "backchannel_logout_session_required",
            "needs a backchannel_logout_uri",
        ),
        ({**NATIVE, "may_introspect": True}, "may_introspect", "authenticates"),
        ({**SERVICE, "token_endpoint_auth_method": "private_key_jwt"}, "jwks", "needs"),
        ({**SERVICE, "jwks": {"keys": [KEY]}}, "jwks", "only private_key_jwt"),
        (with_keys(), "jwks", "1 to 10 keys"),
        (with_keys("key"), "jwks", "must be a JWK"),
        (with_keys(PRIVATE), "jwks", "private key"),
        (with_keys({"kty": "oct", "k": "c2VjcmV0"}), "jwks", "private key"),
        (with_keys({**KEY, "use": "enc"}), "jwks", "use"),
        (with_keys({**KEY, "alg": "none"}), "jwks", "alg"),
        (with_keys({**KEY, "alg": "HS256"}), "jwks", "alg"),
        (with_keys({**KEY, "x": "AAAA"}), "jwks", "public key"),
        (with_keys({**KEY, "crv": "secp256k1"}), "jwks", "public key"),
        (with_keys({"kty": ["EC"]}), "jwks", "public key"),
        (with_keys(KEY, KEY), "jwks", "all different"),
    ],
)
def test_what_may_not_be_registered_is_named_with_its_rule(
    metadata: dict[str, Any], field: str, rule: str
) -> None:
    assert rule in broken(metadata)[field]


def test_all_contradictions_are_told_together() -> None:
    assert set(broken({**WEB, "scope": "openid", "redirect_uris": ["ftp://a", "https://b/#"]})) == {
        "redirect_uris.0",
        "redirect_uris.1",
    }


@pytest.mark.parametrize(
    "uri",
    [
        "http://example.com/callback",
        "http://127.0.0.1/callback",
        "https://example.com/#fragment",
        "https://example.com/#",
        "https://user@example.com/",
        "https://*.example.com/",
        # It would end a rule of the consent page's policy, and begin another.
        "https://example.com;sandbox/",
        "https://a.example,b.example/",
        "https:///callback",
        "https://example.com:99999/",
        "https://example.com/ callback",
        "https://ex\u00e4mple.com/",
        "https://example.com/\r\nLocation: x",
        "HTTPS://example.com/",
        "javascript:alert(1)",
        "data:text/html,x",
        "com.example.app:/callback",
        "//example.com/callback",
        "/callback",
        "",
        "https://example.com/" + "a" * 2000,
    ],
)
def test_a_web_client_redirects_to_https_alone(uri: str) -> None:
    assert "redirect_uris.0" in broken({**WEB, "redirect_uris": [uri]})


@pytest.mark.parametrize("uri", ["http://localhost/cb", "http://10.0.0.1/cb", "app:/cb", "file:/x"])
def test_a_native_client_redirects_to_no_other_machine(uri: str) -> None:
    assert "redirect_uris.0" in broken({**NATIVE, "redirect_uris": [uri]})


@pytest.mark.parametrize(
    "uri", ["com.example.app:/callback", "https://example.com/app", "http://127.0.0.1:8400/cb"]
)
def test_a_native_client_redirects_to_itself(uri: str) -> None:
    assert parse_client({**NATIVE, "redirect_uris": [uri]}).allows_redirect_uri(uri)


@pytest.mark.parametrize(
    ("uri", "allowed"),
    [
        ("http://127.0.0.1/callback", True),
        ("http://127.0.0.1:51004/callback", True),
        ("http://[::1]:51004/callback", True),
        ("http://127.0.0.1:51004/callback?a=b", False),
        ("http://127.0.0.1:51004/callback/", False),
        ("http://127.0.0.1:51004/callback#x", False),
        ("http://127.0.0.1:99999/callback", False),
        ("http://127.0.0.1:51004@evil.example/callback", False),
        ("http://127.0.0.1.evil.example/callback", False),
        ("http://localhost:51004/callback", False),
        ("https://127.0.0.1:51004/callback", False),
        ("http://127.0.0.1:/callback", False),
        ("http://127.0.0.1:51004/callback\n", False),
    ],
)
def test_a_native_loopback_redirect_may_have_any_port_and_no_other_freedom(
    uri: str, allowed: bool
) -> None:
    assert parse_client(NATIVE).allows_redirect_uri(uri) is allowed


@given(st.text())
def test_a_web_redirect_is_exact(uri: str) -> None:
    registered = "https://example.com/callback"
    client = parse_client(WEB)
    assert client.allows_redirect_uri(uri) is (uri == registered)
    assert client.allows_redirect_uri(registered + uri) is (not uri)


def test_scopes_must_be_those_of_a_resource() -> None:
    resources = Resources([Resource("urn:a", "A", {"read": "Read"})])
    assert parse_client({**SERVICE, "scope": "read"}, resources).scopes == ("read",)
    with pytest.raises(InvalidArgument, match="write: no such scope"):
        parse_client({**SERVICE, "scope": "read write"}, resources)


@given(
    st.dictionaries(
        st.sampled_from(list(Client.model_fields)),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.lists(st.text() | st.sampled_from(["authorization_code", DEVICE_CODE]))
        | st.dictionaries(st.just("keys"), st.lists(st.dictionaries(st.text(), st.text()))),
    )
)
def test_any_metadata_makes_a_client_or_says_what_is_wrong(metadata: dict[str, object]) -> None:
    try:
        client = parse_client(metadata)
    except InvalidArgument as error:
        assert error.violations  # noqa: PT017 (either is right)
    else:
        assert parse_client(to_metadata(client)) == client


def _jwk(key: Any) -> dict[str, Any]:
    match key:
        case ec.EllipticCurvePublicKey():
            made = jwt.algorithms.ECAlgorithm.to_jwk(key, as_dict=True)
        case rsa.RSAPublicKey():
            made = jwt.algorithms.RSAAlgorithm.to_jwk(key, as_dict=True)
        case _:
            made = jwt.algorithms.OKPAlgorithm.to_jwk(key, as_dict=True)
    return dict(made)


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (ec.generate_private_key(ec.SECP256R1()), ["ES256"]),
        (ec.generate_private_key(ec.SECP384R1()), ["ES384"]),
        (ec.generate_private_key(ec.SECP521R1()), ["ES512"]),
        (rsa.generate_private_key(65537, 2048), ["RS256", "PS256"]),
        (ed25519.Ed25519PrivateKey.generate(), ["EdDSA"]),
    ],
)
def test_a_key_is_for_its_own_algorithms_alone(key: Any, algorithms: list[str]) -> None:
    jwk = _jwk(key.public_key())
    assert parse_client(with_keys(jwk)).jwks == {"keys": [jwk]}
    for algorithm in ALGORITHMS:
        if algorithm in algorithms:
            parse_client(with_keys({**jwk, "alg": algorithm}))
        else:
            assert "does not fit" in broken(with_keys({**jwk, "alg": algorithm}))["jwks"]


def test_a_weak_rsa_key_is_refused() -> None:
    jwk = _jwk(rsa.generate_private_key(65537, 1024).public_key())  # noqa: S505
    assert "2048 bits" in broken(with_keys(jwk))["jwks"]

"""Which of the keys that an issuer publishes may sign a token."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa

from runtime.auth.jwk import JwkError, parse_jwk, parse_jwks
from runtime.testing.issuer import SigningKey

GOOD = SigningKey("good").jwk
WEAK = jwt.algorithms.RSAAlgorithm.to_jwk(
    rsa.generate_private_key(65537, 1024).public_key(),  # noqa: S505 (that is its point)
    as_dict=True,
)
P384 = jwt.algorithms.ECAlgorithm.to_jwk(
    ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True
)
ED448 = jwt.algorithms.OKPAlgorithm.to_jwk(
    ed448.Ed448PrivateKey.generate().public_key(), as_dict=True
)


def without(name: str) -> dict[str, object]:
    return {key: value for key, value in GOOD.items() if key != name}


REFUSED: dict[str, tuple[Any, str]] = {
    "no object": (["kid"], "no JSON object"),
    "no kid": (without("kid"), "no kid"),
    "kid a number": ({**GOOD, "kid": 1}, "no kid"),
    "shared secret": ({"kty": "oct", "k": "c2VjcmV0", "kid": "a", "alg": "HS256"}, "no algorithm"),
    "alg of another type": ({**GOOD, "alg": "RS256"}, "no algorithm"),
    "alg none": ({**GOOD, "alg": "none"}, "no algorithm"),
    "alg HS256": ({**GOOD, "alg": "HS256"}, "no algorithm"),
    "another curve": ({**P384, "kid": "a"}, "no algorithm"),
    "another Edwards curve": ({**ED448, "kid": "a"}, "no algorithm"),
    "for encryption": ({**GOOD, "use": "enc"}, "not for signatures"),
    "for signing only": ({**GOOD, "key_ops": ["sign"]}, "not for signatures"),
    "key_ops no list": ({**GOOD, "key_ops": 1}, "not for signatures"),
    "private": ({**GOOD, "d": "AA"}, "published with its secret"),
    "short RSA": ({**WEAK, "kid": "a"}, "1024 bits"),
    "no point": ({**GOOD, "x": "AA"}, "cannot be read"),
    "off the curve": ({**GOOD, "y": GOOD["x"]}, "cannot be read"),
    "coordinate a number": ({**GOOD, "x": 7}, "cannot be read"),
    "no coordinate": (without("y"), "cannot be read"),
}


@pytest.mark.parametrize(("jwk", "rule"), REFUSED.values(), ids=REFUSED)
def test_a_key_that_must_not_sign_is_left_out(jwk: Any, rule: str) -> None:
    with pytest.raises(JwkError, match=rule):
        parse_jwk(jwk)
    keys, problems = parse_jwks({"keys": [jwk, GOOD]})
    assert set(keys) == {("good", "ES256")}
    assert len(problems) == 1


@pytest.mark.parametrize("name", ["alg", "use"])
def test_alg_and_use_may_be_left_out(name: str) -> None:
    assert parse_jwk(without(name)).alg == "ES256"


def test_of_two_keys_with_one_kid_the_first_counts() -> None:
    keys, problems = parse_jwks({"keys": [GOOD, SigningKey("good").jwk, GOOD]})
    assert keys["good", "ES256"] == parse_jwk(GOOD)
    assert len(problems) == 1


def test_a_set_without_end_is_cut() -> None:
    keys, problems = parse_jwks({"keys": [SigningKey(f"k{n}").jwk for n in range(70)]})
    assert len(keys) == 64
    assert problems == ["only the first 64 keys are read"]


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}])
def test_what_is_no_set_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(JwkError, match="no list of keys"):
        parse_jwks(document)

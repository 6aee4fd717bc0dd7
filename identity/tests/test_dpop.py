"""RFC 9449 at the token endpoint and at userinfo."""

import base64
import time
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from jwt.algorithms import ECAlgorithm

from identity.tests.provider import ISSUER, Proof, Provider, challenges

PROOF = Proof.new()
PRIVATE = ECAlgorithm.to_jwk(PROOF.key, as_dict=True)
DEEP = base64.urlsafe_b64encode(b'{"jwk":' + b"[" * 4000).decode().rstrip("=")


async def ask(provider: Provider, *proofs: str, client: str = "service") -> Any:
    return await provider.http.post(
        "/token",
        data={"grant_type": "client_credentials"},
        auth=(client, "x" * 43),
        headers=[("DPoP", proof) for proof in proofs],
    )


async def test_a_proof_binds_the_token_to_its_key(provider: Provider) -> None:
    response = await ask(provider, PROOF.sign())
    assert response.json()["token_type"] == "DPoP"
    token = response.json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["cnf"] == {"jkt": PROOF.jkt}


def hmac_proof() -> str:
    header = {"typ": "dpop+jwt", "jwk": {"kty": "oct", "k": "a" * 43}}
    claims = {"jti": "1", "htm": "POST", "htu": ISSUER + "/token", "iat": int(time.time())}
    return jwt.encode(claims, "k" * 32, algorithm="HS256", headers=header)


def unsigned_proof() -> str:
    claims = {"jti": "1", "htm": "POST", "htu": ISSUER + "/token", "iat": int(time.time())}
    header = {"typ": "dpop+jwt", "jwk": PROOF.jwk}
    return jwt.encode(claims, "", algorithm="none", headers=header)


WRONG: dict[str, Callable[[], str]] = {
    "another type": lambda: PROOF.sign(headers={"typ": "JWT"}),
    "no key": lambda: PROOF.sign(headers={"jwk": None}),
    "a private key": lambda: PROOF.sign(headers={"jwk": PRIVATE}),
    "another key": lambda: PROOF.sign(headers={"jwk": Proof.new().jwk}),
    "a key of no kind": lambda: PROOF.sign(headers={"jwk": {"kty": "x"}}),
    "a key off the curve": lambda: PROOF.sign(headers={"jwk": {**PROOF.jwk, "x": "AAAA"}}),
    "a key that is a list": lambda: PROOF.sign(headers={"jwk": [PROOF.jwk]}),
    "a symmetric key": hmac_proof,
    "no signature": unsigned_proof,
    "another method": lambda: PROOF.sign(htm="GET"),
    "another path": lambda: PROOF.sign("/introspect"),
    "another host": lambda: PROOF.sign(htu="https://else.example.com/token"),
    "no URL": lambda: PROOF.sign(htu="https://[/token"),
    "no htm": lambda: PROOF.sign(htm=None),
    "no htu": lambda: PROOF.sign(htu=None),
    "no jti": lambda: PROOF.sign(jti=None),
    "a jti of another type": lambda: PROOF.sign(jti={"a": 1}),
    "no iat": lambda: PROOF.sign(iat=None),
    "an iat of another type": lambda: PROOF.sign(iat="now"),
    "an endless iat": lambda: PROOF.sign(iat=float("inf")),
    "too old": lambda: PROOF.sign(iat=int(time.time()) - 120),
    "from the future": lambda: PROOF.sign(iat=int(time.time()) + 120),
    "no JWT": lambda: "a.b.c",
    "deep": lambda: DEEP + ".e30.x",
    "empty": lambda: "",
}


async def test_a_wrong_proof_is_refused(provider: Provider) -> None:
    for name, wrong in WRONG.items():
        response = await ask(provider, wrong())
        assert (response.status_code, response.json()["error"]) == (400, "invalid_dpop_proof"), name


async def test_a_proof_is_good_once(provider: Provider) -> None:
    proof = PROOF.sign()
    assert (await ask(provider, proof)).status_code == 200
    assert (await ask(provider, proof)).json()["error"] == "invalid_dpop_proof"
    other = Proof.new()
    jti = "the same, of another key" * 100
    assert (await ask(provider, PROOF.sign(jti=jti))).status_code == 200
    assert (await ask(provider, other.sign(jti=jti))).status_code == 200


async def test_two_proofs_are_refused(provider: Provider) -> None:
    response = await ask(provider, PROOF.sign(), PROOF.sign())
    assert response.json()["error"] == "invalid_dpop_proof"


async def test_the_htu_is_compared_as_a_url(provider: Provider) -> None:
    for htu in ("HTTPS://ID.example.com:443/token", ISSUER + "/token?a=b#c"):
        assert (await ask(provider, PROOF.sign(htu=htu))).status_code == 200


async def test_a_client_registered_for_it_must_use_it(provider: Provider) -> None:
    assert (await ask(provider, client="bound")).json()["error"] == "invalid_dpop_proof"
    assert (await ask(provider, PROOF.sign(), client="bound")).status_code == 200


async def test_who_is_no_client_leaves_no_jti(provider: Provider) -> None:
    proof = PROOF.sign()
    assert (await ask(provider, proof, client="nobody")).status_code == 401
    assert (await ask(provider, proof)).status_code == 200


async def userinfo(provider: Provider, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await provider.http.get("/userinfo", headers=named)


async def bound_token(provider: Provider) -> str:
    code = await provider.code()
    response = await provider.redeem(code, headers={"DPoP": PROOF.sign()})
    return str(response.json()["access_token"])


async def test_a_bound_token_comes_with_a_proof_for_it(provider: Provider) -> None:
    token = await bound_token(provider)
    proof = PROOF.sign("/userinfo", "GET", access_token=token)
    response = await userinfo(provider, Authorization=f"DPoP {token}", DPoP=proof)
    assert response.status_code == 200, response.text
    again = await userinfo(provider, Authorization=f"DPoP {token}", DPoP=proof)
    assert again.status_code == 401


async def test_a_bound_token_is_nothing_without_its_key(provider: Provider) -> None:
    token = await bound_token(provider)
    other = Proof(generate_private_key(SECP256R1())).sign("/userinfo", "GET", access_token=token)
    no_ath = PROOF.sign("/userinfo", "GET")
    wrong_ath = PROOF.sign("/userinfo", "GET", access_token="else")
    right = PROOF.sign("/userinfo", "GET", access_token=token)
    as_bearer = {"Authorization": f"Bearer {token}"}
    as_bound = {"Authorization": f"DPoP {token}"}
    for headers, error in (
        (as_bearer, "invalid_token"),
        (as_bearer | {"DPoP": right}, "invalid_token"),
        (as_bound, "invalid_dpop_proof"),
        (as_bound | {"DPoP": other}, "invalid_token"),
        (as_bound | {"DPoP": no_ath}, "invalid_dpop_proof"),
        (as_bound | {"DPoP": wrong_ath}, "invalid_dpop_proof"),
    ):
        response = await userinfo(provider, **headers)
        assert response.status_code == 401
        found = {scheme: said.get("error") for scheme, said in challenges(response).items()}
        none = {"Bearer": None, "DPoP": None}
        assert found == none | {headers["Authorization"].partition(" ")[0]: error}
    unbound = (await provider.tokens())["access_token"]
    proof = PROOF.sign("/userinfo", "GET", access_token=unbound)
    refused = await userinfo(provider, Authorization=f"DPoP {unbound}", DPoP=proof)
    assert refused.status_code == 401

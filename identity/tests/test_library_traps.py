"""What PyJWT leaves to its caller, and what of Authlib must not be there; README.md lists all."""

import subprocess
import sys

import jwt

from identity.tests.provider import Proof, Provider

IMPORTED = """
import identity.server, sys
print(*sys.modules, sep="\\n")
"""


def accepts(provider: Provider, token: str) -> bool:
    """Say what PyJWT does, given the right key and all that it checks by itself."""
    claims = jwt.decode(token, options={"verify_signature": False})
    key = provider.parts.base.keys.signer().private_key.public_key()
    options = {"audience": claims["aud"], "issuer": claims["iss"]}
    return bool(jwt.decode(token, key, algorithms=["ES256"], **options) == claims)


async def test_pyjwt_looks_at_no_typ_but_we_do(provider: Provider) -> None:
    ours = await provider.credentials_token()
    signer = provider.parts.base.keys.signer()
    claims = jwt.decode(ours, options={"verify_signature": False})
    headers = {"kid": signer.kid, "typ": "JWT"}
    other = jwt.encode(claims, signer.private_key, algorithm="ES256", headers=headers)
    assert accepts(provider, ours)
    assert accepts(provider, other)
    assert (await provider.introspect(ours))["active"] is True
    assert await provider.introspect(other) == {"active": False}


async def test_pyjwt_looks_at_no_thumbprint_but_we_do(provider: Provider) -> None:
    mine, other = Proof.new(), Proof.new()
    code = await provider.code()
    response = await provider.redeem(code, headers={"DPoP": mine.sign()})
    token = response.json()["access_token"]
    assert accepts(provider, token)
    statuses = []
    for proof in (other, mine):
        shown = proof.sign("/userinfo", "GET", access_token=token)
        headers = {"Authorization": f"DPoP {token}", "DPoP": shown}
        statuses.append((await provider.http.get("/userinfo", headers=headers)).status_code)
    assert statuses == [401, 200]


def test_the_jose_library_of_authlib_is_not_even_there() -> None:
    """Its private_key_jwt would check tokens by other rules than ours."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", IMPORTED], capture_output=True, check=True
    )
    imported = set(done.stdout.decode().split())
    assert "authlib.oauth2" in imported
    assert imported & {"joserfc", "authlib.jose", "authlib.oauth2.rfc7523"} == set()

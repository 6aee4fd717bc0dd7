"""DPoP proofs (RFC 9449): that who sends a request holds a key."""

import base64
import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from identity.grants.used_jtis import UsedJtis
from identity.keys.algorithms import thumbprint
from identity.protocol import jwts
from identity.protocol.errors import InvalidDpopProofError
from identity.secrets import same
from runtime.clock import SECOND, Clock, now_micros

# How old a proof may be (RFC 9449 §11.1). Ahead of our clock it may be by the leeway of all JWTs.
_WINDOW_SECONDS = 60

# What would show that a JWK holds more than the public half (RFC 7517, 7518).
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class DpopProofs:
    """Checks proofs; each is good once, at all replicas."""

    def __init__(self, jtis: UsedJtis, clock: Clock = now_micros) -> None:
        self._jtis = jtis
        self._clock = clock

    async def check(
        self, proofs: Sequence[str], method: str, uri: str, access_token: str | None = None
    ) -> str:
        """Return the thumbprint of the key that a request's one proof shows.

        `uri` is our own name of the endpoint. `access_token`: the token that it is sent with.
        InvalidDpopProofError says too little for somebody who tries.
        """
        if len(proofs) != 1:
            raise InvalidDpopProofError("There must be exactly one DPoP proof.")
        jwk, claims = _verified(proofs[0])
        if claims["htm"] != method or not _same_uri(claims["htu"], uri):
            raise InvalidDpopProofError("The DPoP proof is for another request.")
        if access_token is not None and not _names(claims.get("ath"), access_token):
            raise InvalidDpopProofError("The DPoP proof is for another access token.")
        jkt = thumbprint(jwk)
        if not self._is_fresh(claims["iat"]) or not await self._first_use(jkt, claims):
            raise InvalidDpopProofError("The DPoP proof is too old, or was used before.")
        return jkt

    def _is_fresh(self, iat: object) -> bool:
        if not isinstance(iat, int | float) or isinstance(iat, bool):
            return False
        return abs(self._clock() / SECOND - iat) <= _WINDOW_SECONDS

    async def _first_use(self, jkt: str, claims: dict[str, Any]) -> bool:
        expire_time = (int(claims["iat"]) + _WINDOW_SECONDS + 1) * SECOND
        return await self._jtis.use(f"dpop:{jkt}", claims["jti"], expire_time)


def _verified(proof: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the key and the claims of a proof that the key itself has signed."""
    header = jwts.header_of(proof) or {}
    jwk = header.get("jwk")
    if header.get("typ") != "dpop+jwt" or not isinstance(jwk, dict) or _PRIVATE & jwk.keys():
        raise InvalidDpopProofError("The DPoP proof is malformed.")
    # Only what makes the key: nothing else that a stranger wrote there has a say.
    bare = {name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk}
    claims = jwts.verified(proof, bare, required=("jti", "htm", "htu", "iat"))
    if claims is None or not all(isinstance(claims[name], str) for name in ("jti", "htm", "htu")):
        raise InvalidDpopProofError("The DPoP proof is malformed.")
    return bare, claims


def _same_uri(htu: str, uri: str) -> bool:
    """Compare without query and fragment (§4.3), scheme and host in lower case, ports as meant."""
    try:
        return _normal(htu) == _normal(uri)
    except ValueError:
        return False


def _normal(uri: str) -> tuple[str, str | None, int | None, str]:
    parts = urlsplit(uri)
    default = {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port or default, parts.path or "/"


def _names(ath: object, access_token: str) -> bool:
    hashed = hashlib.sha256(access_token.encode("utf-8", "surrogatepass")).digest()
    expected = base64.urlsafe_b64encode(hashed).rstrip(b"=")
    return isinstance(ath, str) and same(expected, ath.encode("utf-8", "surrogatepass"))

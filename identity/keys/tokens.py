"""The JWTs that this server makes and reads: access, ID and logout tokens. PyJWT signs them."""

import json
import secrets
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

import jwt
from jwt.exceptions import PyJWTError
from jwt.types import Options

from identity.clients.client import Client
from identity.keys.algorithms import Algorithm, half_hash
from identity.keys.key_lifecycle import micros
from identity.keys.signing_keys import SigningKeys, VerifyingKey
from identity.model import Grant, User
from runtime.clock import SECOND, Clock, Micros, now_micros

type Claims = dict[str, Any]

ACCESS_TOKEN = "at+jwt"  # noqa: S105 (RFC 9068 §2.1)
ID_TOKEN = "JWT"  # noqa: S105
LOGOUT_TOKEN = "logout+jwt"  # noqa: S105 (OpenID Connect Back-Channel Logout §2.4)
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"

# Back-Channel Logout §2.4 wants two minutes at most.
_LOGOUT_LIFETIME: Micros = 120 * SECOND
# No token of ours is as long; what is longer is not looked at.
_MOST_CHARACTERS = 16_384
# Decided here by the injected clock, or by the caller: PyJWT's own checks use the system's.
_CHECK_SIGNATURE_ALONE: Options = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


@dataclass(frozen=True, slots=True)
class Authentication:
    """How a user has logged in: `acr` and `amr` (RFC 8176) of the ID token."""

    acr: str = "1"
    amr: tuple[str, ...] = ("pwd",)


PASSWORD = Authentication()


class Tokens:
    """Makes tokens with the key whose turn it is, and reads back those of its own issuer."""

    def __init__(
        self,
        issuer: str,
        keys: SigningKeys,
        *,
        access_token_lifetime: timedelta,
        id_token_lifetime: timedelta,
        clock: Clock = now_micros,
    ) -> None:
        self._issuer = issuer
        self._keys = keys
        self._access_token_lifetime = micros(access_token_lifetime)
        self._id_token_lifetime = micros(id_token_lifetime)
        self._clock = clock

    def access_token(
        self,
        *,
        subject: str,
        client_id: str,
        scopes: Sequence[str],
        audience: Sequence[str] = (),
        lifetime: timedelta | None = None,
        grant_id: str | None = None,
        sid: str | None = None,
        auth_time: Micros | None = None,
        jkt: str | None = None,
    ) -> tuple[str, Claims]:
        """Return an access token (RFC 9068) and its claims.

        An empty `audience` is this server itself, whose userinfo endpoint it is for. `gid`, a
        claim of our own, names the grant that it dies with. `jkt` binds it to a key (RFC 9449 §6).
        """
        now = self._clock()
        expiry = now + (micros(lifetime) if lifetime else self._access_token_lifetime)
        claims: Claims = {
            "iss": self._issuer,
            "sub": subject,
            "aud": _audience(audience) or self._issuer,
            "client_id": client_id,
            "iat": now // SECOND,
            "exp": expiry // SECOND,
            "jti": secrets.token_urlsafe(16),
            "scope": " ".join(scopes),
            "gid": grant_id,
            "sid": sid,
            "auth_time": None if auth_time is None else auth_time // SECOND,
            "cnf": None if jkt is None else {"jkt": jkt},
        }
        claims = _known(claims)
        return self._sign(claims, ACCESS_TOKEN), claims

    def id_token(
        self,
        *,
        client: Client,
        user: User,
        grant: Grant,
        nonce: str | None,
        access_token: str | None = None,
        authentication: Authentication = PASSWORD,
    ) -> str:
        """Return an ID token (OpenID Connect Core §2).

        It is for the client alone, so there is no `azp`. No `c_hash`: that is for the flows in
        which a code and an ID token come through the browser together.
        """
        now = self._clock()
        key = self._keys.signer(client.id_token_signed_response_alg)
        claims = {
            "iss": self._issuer,
            "sub": user.user_id,
            "aud": client.client_id,
            "iat": now // SECOND,
            "exp": (now + self._id_token_lifetime) // SECOND,
            "auth_time": grant.auth_time // SECOND,
            "nonce": nonce,
            "acr": authentication.acr,
            "amr": list(authentication.amr),
            "sid": grant.sid,
            "at_hash": half_hash(access_token, key.algorithm) if access_token else None,
        }
        return self._sign(_known(claims), ID_TOKEN, key.algorithm)

    def logout_token(self, *, client: Client, user_id: str, sid: str | None) -> str:
        """Return a logout token (OpenID Connect Back-Channel Logout §2.4): never with a nonce."""
        now = self._clock()
        claims = {
            "iss": self._issuer,
            "sub": user_id,
            "aud": client.client_id,
            "iat": now // SECOND,
            "exp": (now + _LOGOUT_LIFETIME) // SECOND,
            "jti": secrets.token_urlsafe(16),
            "events": {LOGOUT_EVENT: {}},
            "sid": sid,
        }
        return self._sign(_known(claims), LOGOUT_TOKEN, client.id_token_signed_response_alg)

    async def read_access_token(self, token: str) -> Claims | None:
        """Return the claims of an access token of ours that has not expired, else None.

        Whether it was revoked is not asked here.
        """
        claims = await self._read(token, ACCESS_TOKEN)
        if claims is None or not _is_access_token(claims):
            return None
        return claims if self._clock() < claims["exp"] * SECOND else None

    async def read_id_token_hint(self, token: str) -> Claims | None:
        """Return the claims of an ID token of ours, an expired one's too, else None.

        A hint says who was logged in, which stays true (RP-Initiated Logout §2).
        """
        claims = await self._read(token, ID_TOKEN)
        if claims is None or not all(isinstance(claims.get(name), str) for name in ("sub", "aud")):
            return None
        return claims

    def _sign(self, claims: Claims, typ: str, algorithm: Algorithm | None = None) -> str:
        key = self._keys.signer(algorithm)
        headers = {"typ": typ, "kid": key.kid}
        return jwt.encode(claims, key.private_key, algorithm=key.algorithm, headers=headers)

    async def _read(self, token: str, typ: str) -> Claims | None:
        """Return the claims if one of our keys signed them, as a token of that type."""
        if len(token) > _MOST_CHARACTERS:
            return None
        try:
            key = await self._key_of(_header(token), typ)
            if key is None:
                return None
            claims = _verified(token, key)
        except PyJWTError, ValueError, RecursionError:  # What parsers raise at odd input.
            return None
        return dict(claims) if claims.get("iss") == self._issuer else None

    async def _key_of(self, header: object, typ: str) -> VerifyingKey | None:
        """Find the key by its id alone: whatever key the header carries is not looked at."""
        if not isinstance(header, dict):
            return None
        kid, said = header.get("kid"), header.get("typ")
        if not isinstance(kid, str) or not isinstance(said, str) or "crit" in header:
            return None
        if said.lower().removeprefix("application/") != typ.lower():
            return None
        key = await self._keys.find(kid)
        return key if key is not None and header.get("alg") == key.algorithm else None


# Resource servers and userinfo show us the same tokens again and again, and a signature that was
# right stays so. Whether the key still counts, and the token has not expired, is asked each time.
@lru_cache(maxsize=1024)
def _verified(token: str, key: VerifyingKey) -> Mapping[str, Any]:
    """Return the claims, which nobody may change; PyJWTError where the key did not sign them."""
    claims: Claims = jwt.decode(
        token, key.public_key, algorithms=[key.algorithm], options=_CHECK_SIGNATURE_ALONE
    )
    return claims


def _header(token: str) -> object:
    """Return what a token's header says, ValueError where it says nothing.

    PyJWT would decode all of the token to tell, and once more to verify it.
    """
    encoded = token.partition(".")[0]
    return json.loads(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))


def _audience(audience: Sequence[str]) -> str | list[str]:
    return audience[0] if len(audience) == 1 else list(audience)


def _known(claims: Claims) -> Claims:
    return {name: value for name, value in claims.items() if value is not None}


def _is_access_token(claims: Claims) -> bool:
    """Whether the claims that RFC 9068 requires are there, in types that can be relied upon."""
    texts = ("sub", "client_id", "jti", "scope")
    times = ("exp", "iat")
    return all(isinstance(claims.get(name), str) for name in texts) and all(
        isinstance(claims.get(name), int) for name in times
    )

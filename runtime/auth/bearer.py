"""The guard of RPCs whose policy names scopes: `authorization: Bearer TOKEN` (RFC 6750)."""

import time
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import NoReturn, Self

from runtime.auth.caller import Caller, current_caller
from runtime.auth.issuer import Issuer
from runtime.auth.jwks import Jwks, JwksLimits
from runtime.auth.refresh import AwayError
from runtime.auth.settings import VerifierSettings
from runtime.auth.token_cache import TokenCache
from runtime.auth.verifier import TokenError, TokenExpiredError, Verified, Verifier
from runtime.call import Context
from runtime.errors import PermissionDenied, Unauthenticated, Unavailable


class BearerGuard:
    """Lets callers with the scopes through, and tells handlers who they are.

    It is a `Guard` of `runtime.policy`. A token that was seen before costs one look into a
    dictionary: the whole header is the key there, so that nothing is cut, hashed or parsed.
    """

    def __init__(
        self,
        issuer: Issuer,
        audience: str,
        *,
        leeway: timedelta = timedelta(seconds=30),
        limits: JwksLimits | None = None,
        tokens: TokenCache | None = None,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tokens = tokens or TokenCache()
        self._keys = Jwks(
            issuer, limits=limits, on_removed=self._tokens.drop_signed_by, monotonic=monotonic
        )
        self._verifier = Verifier(self._keys, issuer=issuer.url, audience=audience, leeway=leeway)
        self._now = now
        self._monotonic = monotonic

    @classmethod
    def of(cls, settings: VerifierSettings) -> Self:
        """Return a guard as the settings want it."""
        issuer = Issuer(
            settings.issuer, roots=settings.issuer_roots, trust_network=settings.trust_network
        )
        return cls(issuer, settings.audience, leeway=settings.clock_skew)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.close()

    def admits(self, context: Context, scopes: frozenset[str]) -> bool:
        """Let a call with a token that was seen before go on; say whether it was."""
        seen = self._tokens.young.get(_authorization(context))
        if (
            seen is None
            or self._now() >= seen.until
            or self._monotonic() >= self._keys.fresh_until
            or not scopes <= seen.caller.scopes
        ):
            return False
        current_caller.set(seen.caller)
        return True

    async def verify(self, context: Context, scopes: frozenset[str]) -> None:
        """Let the call go on. Raises Unauthenticated, PermissionDenied, Unavailable."""
        seen = await self._look_closely(_authorization(context))
        if not scopes <= seen.caller.scopes:
            _deny(scopes, seen.caller)
        current_caller.set(seen.caller)

    async def close(self) -> None:
        """Give up what is being fetched."""
        await self._keys.close()

    async def _look_closely(self, header: str | bytes | None) -> Verified:
        if not isinstance(header, str):
            raise Unauthenticated(
                "this call wants a token: authorization: Bearer TOKEN",
                reason="TOKEN_MISSING",
                challenge='Bearer realm="bodega"',
            )
        token = _bearer_token(header)
        try:
            key = await self._verifier.key_of(token)
            seen = self._tokens.get(header)
            if seen is not None and seen.key == key:
                return _unexpired(seen, self._now())
            found = self._verifier.verify(token, key)
        except TokenExpiredError as error:
            raise _refusal(f"the token was refused: {error}", "TOKEN_EXPIRED") from error
        except TokenError as error:
            raise _refusal(f"the token was refused: {error}", "TOKEN_INVALID") from error
        except AwayError as error:
            raise Unavailable(
                "the token cannot be checked now: its issuer is away",
                reason="ISSUER_UNAVAILABLE",
                retry_after=max(error.retry_after, timedelta(seconds=1)),
            ) from error
        if found.confirmation is not None:
            # gRPC has no DPoP, and a stolen token must be of no use to who lacks its key.
            raise _refusal("the token is bound to a key: it is no bearer token", "TOKEN_BOUND")
        self._tokens.remember(header, found)
        return found


def _unexpired(seen: Verified, now: float) -> Verified:
    if now >= seen.until:
        raise TokenExpiredError("it has expired")
    return seen


def _authorization(context: Context) -> str | bytes | None:
    """Return the only authorization header of the call, if there is one."""
    try:
        # The native engine has the pairs at hand. Its public method makes an object of each,
        # which costs as much as the rest of the check.
        metadata = context._call.metadata  # type: ignore[attr-defined]  # noqa: SLF001
    except AttributeError:
        metadata = context.invocation_metadata() or ()
    header = None
    for key, value in metadata:
        if key == "authorization":
            if header is not None:
                raise _refusal("there is more than one authorization header", "TOKEN_INVALID")
            header = value
    return header


def _bearer_token(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _refusal("the authorization header must be: Bearer TOKEN", "TOKEN_INVALID")
    return token


def _refusal(message: str, reason: str) -> Unauthenticated:
    challenge = f'Bearer realm="bodega", error="invalid_token", error_description="{message}"'
    return Unauthenticated(message, reason=reason, challenge=challenge)


def _deny(scopes: frozenset[str], caller: Caller) -> NoReturn:
    wanted = " ".join(sorted(scopes))
    raise PermissionDenied(
        f"this call wants the scopes: {wanted}",
        reason="SCOPE_MISSING",
        metadata={"scopes": wanted, "missing": " ".join(sorted(scopes - caller.scopes))},
        challenge=f'Bearer realm="bodega", error="insufficient_scope", scope="{wanted}"',
    )

"""The guard of RPCs whose policy names scopes: `authorization: Bearer TOKEN` (RFC 6750)."""

import time
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Self

from runtime.auth.caller import current_caller
from runtime.auth.issuer import Issuer
from runtime.auth.jwk import Key
from runtime.auth.jwks import Jwks, JwksLimits
from runtime.auth.open_streams import End, OpenStreams
from runtime.auth.refresh import AwayError
from runtime.auth.refusals import BOUND, EXPIRED, INVALID, deny, issuer_away, missing, refusal
from runtime.auth.settings import VerifierSettings
from runtime.auth.token_cache import TokenCache
from runtime.auth.verifier import TokenError, TokenExpiredError, Verified, Verifier
from runtime.call import Context


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
            issuer, limits=limits, on_removed=self._drop_signed_by, monotonic=monotonic
        )
        self._streams = OpenStreams(self._keys, now)
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
        await self._verified(context, scopes)

    async def hold(self, context: Context, scopes: frozenset[str]) -> End:
        """Do the same for a stream without an end, and watch over its token.

        The future's result is the error with which the stream is to end; cancel it at the end.
        """
        # Nothing may be awaited in between: the key would be withdrawn unnoticed meanwhile.
        return self._streams.add(await self._verified(context, scopes))

    async def close(self) -> None:
        """Give up what is being fetched."""
        await self._streams.close()
        await self._keys.close()

    def _drop_signed_by(self, keys: frozenset[Key]) -> None:
        self._tokens.drop_signed_by(keys)
        self._streams.drop_signed_by(keys)

    async def _verified(self, context: Context, scopes: frozenset[str]) -> Verified:
        seen = await self._look_closely(_authorization(context))
        if not scopes <= seen.caller.scopes:
            deny(scopes, seen.caller)
        current_caller.set(seen.caller)
        return seen

    async def _look_closely(self, header: str | bytes | None) -> Verified:
        if not isinstance(header, str):
            raise missing()
        token = _bearer_token(header)
        try:
            key = await self._verifier.key_of(token)
            seen = self._tokens.get(header)
            if seen is not None and seen.key == key:
                return _unexpired(seen, self._now())
            found = self._verifier.verify(token, key)
        except TokenExpiredError as error:
            raise refusal(f"the token was refused: {error}", EXPIRED) from error
        except TokenError as error:
            raise refusal(f"the token was refused: {error}", INVALID) from error
        except AwayError as error:
            raise issuer_away(error) from error
        if found.confirmation is not None:
            # gRPC has no DPoP, and a stolen token must be of no use to who lacks its key.
            raise refusal("the token is bound to a key: it is no bearer token", BOUND)
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
                raise refusal("there is more than one authorization header", INVALID)
            header = value
    return header


def _bearer_token(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise refusal("the authorization header must be: Bearer TOKEN", INVALID)
    return token

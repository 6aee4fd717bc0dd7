"""Tokens that were verified, so that each is verified once."""

from runtime.auth.jwk import Key
from runtime.auth.verifier import Verified

# 16 MB of the longest tokens there may be; a few of ours.
MAX_TOKENS = 4096

type Header = str | bytes | None


class TokenCache:
    """The tokens used last, by the header that they came in, in two generations.

    Once half of `size` are young they grow old together, and what was old till then goes; what is
    asked for meanwhile is young again. So a look into `young`, which the guard of every call
    takes, keeps no order of use: that would cost as much as the look.
    """

    def __init__(self, size: int = MAX_TOKENS) -> None:
        self._half = size // 2
        self.young: dict[Header, Verified] = {}
        self._old: dict[Header, Verified] = {}

    def get(self, header: Header) -> Verified | None:
        """Return a token of either generation, which is young then."""
        seen = self.young.get(header)
        if seen is None and (seen := self._old.get(header)) is not None:
            self.remember(header, seen)
        return seen

    def remember(self, header: Header, verified: Verified) -> None:
        """Keep a token."""
        self.young[header] = verified
        if len(self.young) >= self._half:
            self._old, self.young = self.young, {}

    def drop_signed_by(self, keys: frozenset[Key]) -> None:
        """Forget what these keys signed: they are not the issuer's any longer."""
        for tokens in (self.young, self._old):
            for header in [header for header, seen in tokens.items() if seen.key in keys]:
                del tokens[header]

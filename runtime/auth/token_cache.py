"""Tokens that were verified, so that each is verified once."""

from collections import OrderedDict

from runtime.auth.jwk import Key
from runtime.auth.verifier import Verified

# 16 MB of the longest tokens there may be; a few of ours.
MAX_TOKENS = 4096


class TokenCache(OrderedDict[str | bytes | None, Verified]):
    """The tokens used last, by the header that they came in; whoever uses one moves it to the end.

    A dictionary itself, so that the guard of every call reaches it without a frame of Python.
    """

    def __init__(self, size: int = MAX_TOKENS) -> None:
        super().__init__()
        self._size = size

    def remember(self, header: str, verified: Verified) -> None:
        """Keep a token; where there are too many, the one that was not used for longest goes."""
        self[header] = verified
        self.move_to_end(header)
        if len(self) > self._size:
            self.popitem(last=False)

    def drop_signed_by(self, keys: frozenset[Key]) -> None:
        """Forget what these keys signed: they are not the issuer's any longer."""
        for header in [header for header, seen in self.items() if seen.key in keys]:
            del self[header]

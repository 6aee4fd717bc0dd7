"""Scopes in words."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

# Every client that knows who somebody is asks for it: the page says so in its first sentence.
_SAID_BEFORE = "openid"


@dataclass(frozen=True, slots=True)
class Words:
    """Says what scopes allow; `describe` gives the sentence for one."""

    describe: Callable[[str], str]

    def of(self, scopes: Iterable[str]) -> list[str]:
        """Return a sentence for each scope."""
        known = dict.fromkeys(scopes)
        return [self.describe(scope) for scope in known if scope != _SAID_BEFORE or len(known) == 1]

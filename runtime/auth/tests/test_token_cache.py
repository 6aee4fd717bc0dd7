"""The cache of verified tokens."""

from runtime.auth.caller import Caller
from runtime.auth.jwk import Key
from runtime.auth.token_cache import TokenCache
from runtime.auth.verifier import Verified


def verified(kid: str) -> Verified:
    return Verified(Caller("a", "b", frozenset()), Key(kid, "ES256", (kid,), None), 1e10)


def test_the_token_that_was_not_used_for_longest_goes() -> None:
    cache = TokenCache(2)
    cache.remember("a", verified("1"))
    cache.remember("b", verified("1"))
    cache.move_to_end("a")
    cache.remember("c", verified("1"))
    assert [cache.get(each) is not None for each in "abc"] == [True, False, True]
    assert len(cache) == 2


def test_what_a_removed_key_signed_is_forgotten() -> None:
    cache = TokenCache()
    old = verified("1")
    cache.remember("a", old)
    cache.remember("b", verified("2"))
    cache.drop_signed_by(frozenset({old.key}))
    assert cache.get("a") is None
    assert cache.get("b")

"""The cache of verified tokens."""

from runtime.auth.caller import Caller
from runtime.auth.jwk import Key
from runtime.auth.token_cache import TokenCache
from runtime.auth.verifier import Verified


def verified(kid: str) -> Verified:
    return Verified(Caller("a", "b", frozenset()), Key(kid, "ES256", (kid,), None), 1e10)


def test_the_token_that_was_not_used_for_longest_goes() -> None:
    cache = TokenCache(4)
    for header in "ab":
        cache.remember(header, verified("1"))
    assert cache.get("a")
    cache.remember("c", verified("1"))
    assert [cache.get(each) is not None for each in "abc"] == [True, False, True]


def test_it_holds_no_more_than_it_may() -> None:
    cache, headers = TokenCache(4), [str(number) for number in range(100)]
    for header in headers:
        cache.remember(header, verified("1"))
    assert 2 <= sum(cache.get(header) is not None for header in headers) <= 4


def test_a_token_that_is_asked_for_is_young_again() -> None:
    cache, token = TokenCache(4), verified("1")
    for header in "ab":
        cache.remember(header, token)
    assert cache.young == {}
    assert cache.get("b") is token
    assert cache.young == {"b": token}


def test_what_a_removed_key_signed_is_forgotten() -> None:
    cache = TokenCache(6)
    old, other = verified("1"), verified("2")
    for header, token in (("a", old), ("b", other), ("c", old), ("d", old), ("e", other)):
        cache.remember(header, token)
    cache.drop_signed_by(frozenset({old.key}))
    assert [cache.get(each) for each in "abcde"] == [None, other, None, None, other]

from cart.pricing.ttl_cache import FreshCache


def kept(cache: FreshCache[str, int | None], keys: str, now: float) -> str:
    return "".join(key for key in keys if cache.get(key, now) is not None)


def test_a_value_is_kept_until_its_end() -> None:
    cache = FreshCache[str, int | None](10)
    cache.put("a", 1, end=5)
    cache.put("b", None, end=6)
    assert kept(cache, "ab", 4.9) == "ab"
    assert kept(cache, "ab", 5) == "b"
    assert len(cache) == 1
    cache.drop("b")
    cache.drop("c")
    assert kept(cache, "ab", 0) == ""


def test_the_least_used_goes_first() -> None:
    cache = FreshCache[str, int | None](3)
    for key in "abc":
        cache.put(key, 1, end=5)
    cache.get("a", 0)
    cache.put("b", 2, end=5)
    cache.put("d", 1, end=5)
    assert kept(cache, "abcd", 0) == "abd"
    assert len(cache) == 3


def test_an_end_for_all_makes_no_life_longer() -> None:
    cache = FreshCache[str, int | None](3)
    cache.put("a", 1, end=5)
    cache.put("b", 1, end=9)
    cache.end_by(6)
    assert kept(cache, "ab", 4) == "ab"
    assert kept(cache, "ab", 5.5) == "b"
    assert kept(cache, "ab", 6) == ""

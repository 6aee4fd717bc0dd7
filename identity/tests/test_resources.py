"""Scopes, and the APIs that they belong to."""

from identity.clients.resources import Resource, Resources

RESOURCES = Resources(
    [
        Resource("urn:a", "A", {"a.read": "Read A", "a.write": "Change A"}),
        Resource("urn:b", "B", {"b.read": "Read B"}),
    ]
)


def test_an_audience_is_the_apis_of_the_scopes_once_each() -> None:
    assert RESOURCES.audience(["openid", "b.read", "a.read", "a.write"]) == ("urn:b", "urn:a")
    assert RESOURCES.audience(["openid", "unknown"]) == ()


def test_scopes_are_narrowed_to_the_apis_asked_for() -> None:
    asked = ("openid", "a.read", "b.read", "unknown")
    assert RESOURCES.narrow(asked, ["urn:a"]) == ("openid", "a.read")
    assert RESOURCES.narrow(asked, []) == ("openid",)


def test_a_scope_says_what_it_allows_and_whose_it_is() -> None:
    assert RESOURCES.describe("a.write") == "Change A"
    assert RESOURCES.describe("openid") == "Know who you are"
    assert RESOURCES.owner("a.write") == "urn:a"
    assert RESOURCES.owner("openid") is None
    assert [RESOURCES.knows_scope(each) for each in ("b.read", "email", "c")] == [True, True, False]
    assert [RESOURCES.knows(each) for each in ("urn:a", "urn:c")] == [True, False]

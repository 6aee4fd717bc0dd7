import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.web.links import Links, form_target


@pytest.mark.parametrize(
    ("redirect_uri", "target"),
    [
        ("https://web.example.com/callback?x=1", "https://web.example.com"),
        ("https://web.example.com:8443/", "https://web.example.com:8443"),
        ("http://127.0.0.1:4711/callback", "http://127.0.0.1:4711"),
        ("http://[::1]:4711/callback", "http:"),
        ("com.example.app:/callback", "com.example.app:"),
        ("com.example.app://host/callback", "com.example.app:"),
    ],
)
def test_a_form_may_lead_to_where_the_client_is(redirect_uri: str, target: str) -> None:
    assert form_target(redirect_uri) == target


def test_paths_are_below_the_issuers() -> None:
    links = Links("https://Example.com/id")
    assert links.origin == "https://example.com"
    assert links("/login", return_to="/a b&c") == "/id/login?return_to=%2Fa+b%26c"
    assert links.own("/id/device?user_code=X") == "/id/device?user_code=X"
    assert links.own("/device") == "/id/"
    assert links.asked_query("/id/authorize?client_id=web#x") == "client_id=web"
    assert links.asked_query("/authorize?client_id=web") is None


@given(st.text(max_size=40) | st.from_regex(r"[/\\]{0,3}(device|authorize)?[?@:/\\#a-z]{0,9}"))
def test_no_path_to_return_to_leaves_the_issuer(return_to: str) -> None:
    links = Links("https://example.com")
    path = links.own(return_to)
    assert path.startswith(("/device", "/authorize?")) or path == "/"
    assert not any(character in path for character in "\\\r\n\t ")

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime import page_token
from runtime.errors import InvalidArgument
from runtime.page_token import Query, Scalar, decode, encode

QUERY: Query = ("ACTIVE", None, (100, 200), "name")
STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300)
SCALARS = st.integers(-(2**63), 2**63 - 1) | STORABLE


@given(st.lists(SCALARS, max_size=4))
def test_a_token_gives_back_its_key(key: list[Scalar]) -> None:
    token = encode(QUERY, key)
    assert decode(QUERY, token, [type(each) for each in key]) == tuple(key)


def test_a_token_is_fit_for_a_url() -> None:
    assert encode(QUERY, ("ÿ~?>", 7)).replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "other", [("ACTIVE", None, (100, 201), "name"), ("ACTIVE", (100, 200), "name"), ()]
)
def test_a_token_of_another_query_is_refused(other: Query) -> None:
    token = encode(QUERY, (7,))
    with pytest.raises(InvalidArgument) as caught:
        decode(other, token, (int,))
    assert [each.field for each in caught.value.violations] == ["page_token"]


@given(st.data())
def test_a_token_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    token = encode(QUERY, ("blue mug", 7))
    at = data.draw(st.integers(0, len(token) - 1))
    new = data.draw(st.characters().filter(lambda each: each != token[at]))
    with pytest.raises(InvalidArgument):
        decode(QUERY, token[:at] + new + token[at + 1 :], (str, int))


@given(st.text(max_size=60))
def test_a_token_made_up_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument):
        decode(QUERY, token, (str, int))


def forged(body: str) -> str:
    """A token with a right digest, as somebody can make who has read the code."""
    raw = body.encode()
    return page_token._to_text(page_token._digest(QUERY, raw) + raw)


def test_a_token_forged_well_is_accepted() -> None:
    assert decode(QUERY, forged('["mug",7]'), (str, int)) == ("mug", 7)


@pytest.mark.parametrize(
    "body",
    [
        '["mug"]',
        '[7,"mug"]',
        '["mug",true]',
        '["mug",7.0]',
        '["mug",9223372036854775808]',
        '["m\\u0000g",7]',
        '["\\ud800",7]',
        '{"mug":7}',
        "not JSON",
        "[" * 3000,
        "",
    ],
)
def test_a_token_forged_with_what_no_database_takes_is_refused(body: str) -> None:
    with pytest.raises(InvalidArgument):
        decode(QUERY, forged(body), (str, int))


def test_a_token_too_long_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        decode(QUERY, base64.urlsafe_b64encode(bytes(10_000)).decode(), (str,))

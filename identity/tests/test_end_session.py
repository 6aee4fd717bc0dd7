"""What a client says when it sends a browser to log out."""

import jwt
import pytest

from identity.asking import Refused
from identity.tests.provider import Provider

BYE = "https://web.example.com/bye"


async def refused(provider: Provider, **parameters: str) -> None:
    with pytest.raises(Refused):
        await provider.parts.logout.examine(list(parameters.items()))


async def test_a_hint_names_client_session_and_user(provider: Provider) -> None:
    hint = (await provider.tokens())["id_token"]
    request = await provider.parts.logout.examine(
        [("id_token_hint", hint), ("post_logout_redirect_uri", BYE), ("state", "s")]
    )
    assert request.client is not None
    assert request.client.client_id == "web"
    assert request.sid == provider.session.sid
    assert request.user_id == provider.user.user_id
    assert request.redirect_uri == BYE + "?state=s"
    assert request.confirmed


async def test_without_a_hint_the_user_is_asked(provider: Provider) -> None:
    request = await provider.parts.logout.examine([])
    assert not request.confirmed
    assert (request.client, request.redirect_uri, request.sid) == (None, None, None)
    named = await provider.parts.logout.examine(
        [("client_id", "web"), ("post_logout_redirect_uri", BYE)]
    )
    assert named.redirect_uri == BYE
    assert not named.confirmed


async def test_what_is_wrong_is_refused(provider: Provider) -> None:
    hint = (await provider.tokens())["id_token"]
    forged = jwt.encode({"sub": "x", "aud": "web"}, "k" * 32, algorithm="HS256")
    await refused(provider, id_token_hint=forged)
    await refused(provider, id_token_hint=hint, client_id="other")
    await refused(provider, client_id="nobody")
    await refused(provider, post_logout_redirect_uri=BYE)
    await refused(provider, client_id="web", post_logout_redirect_uri=BYE + "/else")
    with pytest.raises(Refused):
        await provider.parts.logout.examine([("client_id", "web"), ("client_id", "web")])

"""The authorization endpoint's protocol: RFC 6749 §4.1, RFC 7636, RFC 9207, OpenID Connect."""

from urllib.parse import parse_qsl

import pytest

from identity.asking import Redirected, Refused
from identity.protocol.grants.authorization_code import S256Challenge
from identity.tests.provider import (
    CALLBACK,
    ISSUER,
    ORDERS,
    STOCK,
    Provider,
    query_of,
    request_for,
)

type Parameters = list[tuple[str, str]]


async def refusal(provider: Provider, parameters: Parameters) -> str:
    with pytest.raises(Refused) as refused:
        await provider.parts.authorization.examine(parameters)
    return refused.value.error


async def told(provider: Provider, parameters: Parameters) -> dict[str, str]:
    """Return what the client is told by a redirection."""
    with pytest.raises(Redirected) as redirected:
        await provider.parts.authorization.examine(parameters)
    location = redirected.value.location
    assert location.startswith(dict(parameters)["redirect_uri"])
    answer = query_of(location)
    assert answer["iss"] == ISSUER
    assert answer.get("state") == dict(parameters).get("state")
    return answer


async def error(provider: Provider, **parameters: str | None) -> str:
    return (await told(provider, request_for(**parameters)))["error"]  # type: ignore[arg-type]


async def test_a_request_is_read_and_can_be_read_again_from_its_query(provider: Provider) -> None:
    parameters = request_for(
        scope="openid orders.read stock.read",
        resource=ORDERS,
        prompt="login consent",
        max_age="300",
        login_hint="alice",
    )
    asked = await provider.parts.authorization.examine(parameters)
    assert asked.client.client_id == "web"
    assert asked.scopes == ("openid", "orders.read")
    assert asked.resources == (ORDERS,)
    assert asked.prompt == {"login", "consent"}
    assert asked.max_age == 300
    assert asked.login_hint == "alice"
    assert asked.hinted_user_id is None
    assert asked.redirect_uri == CALLBACK
    again = await provider.parts.authorization.examine(parse_qsl(asked.query))
    assert again == asked


async def test_without_a_scope_the_registered_api_scopes_are_asked_for(provider: Provider) -> None:
    asked = await provider.parts.authorization.examine(request_for(scope=None))
    assert asked.scopes == ("orders.read", "orders.write", "stock.read")


async def test_the_answer_has_code_state_and_iss(provider: Provider) -> None:
    parameters = request_for()
    answer = query_of(await provider.approved(parameters))
    assert set(answer) == {"code", "state", "iss"}
    assert answer["iss"] == ISSUER
    assert answer["state"] == dict(parameters)["state"]


async def test_issuer_parameter_of_authlib_finds_its_location(provider: Provider) -> None:
    """Authlib's RFC 9207 extension wants `response.location`; errors do not pass through it."""
    assert query_of(await provider.approved(request_for()))["iss"] == ISSUER
    asked = await provider.parts.authorization.examine(request_for(state="s"))
    location = await provider.parts.authorization.refuse(asked, "access_denied", "The user said no")
    assert query_of(location) == {
        "error": "access_denied",
        "error_description": "The user said no",
        "state": "s",
        "iss": ISSUER,
    }
    assert (await told(provider, request_for(prompt="none login")))["iss"] == ISSUER


async def test_code_challenge_required_by_authlib_is_really_required_and_by_s256(
    provider: Provider,
) -> None:
    """`CodeChallenge(required=True)` lets requests without a challenge pass, and `plain`."""
    for client_id in ("web", "app"):
        for wrong in (
            {"code_challenge": None, "code_challenge_method": None},
            {"code_challenge": None},
            {"code_challenge_method": None},
            {"code_challenge_method": "plain"},
            {"code_challenge_method": "s256"},
            {"code_challenge": "short"},
            {"code_challenge": "é" * 43},
        ):
            answer = await told(provider, request_for(client_id, **wrong))
            assert answer["error"] == "invalid_request"
            assert "code_challenge" in answer["error_description"]
    assert S256Challenge.SUPPORTED_CODE_CHALLENGE_METHOD == ("S256",)


async def test_nobody_is_sent_where_no_client_registered(provider: Provider) -> None:
    for uri in (
        None,
        CALLBACK + "/",
        CALLBACK + "?a=b",
        CALLBACK.upper(),
        "https://evil.example.com/callback",
        "https://web.example.com@evil.example.com/callback",
        "http://127.0.0.1/callback",
        'x"\\é',
    ):
        assert await refusal(provider, request_for(redirect_uri=uri)) == "invalid_request"
    twice = [*request_for(), ("redirect_uri", CALLBACK)]
    assert await refusal(provider, twice) == "invalid_request"


async def test_an_unknown_client_is_told_to_the_user_alone(provider: Provider) -> None:
    for client_id in ("nobody", 'x"\\é'):
        assert await refusal(provider, request_for(client_id)) == "invalid_client"
    for client_id in ("\ud800", "a\0"):
        assert await refusal(provider, request_for(client_id)) == "invalid_request"
    nameless = [pair for pair in request_for() if pair[0] != "client_id"]
    assert await refusal(provider, nameless) == "invalid_request"
    assert await refusal(provider, [*request_for(), ("client_id", "web")]) == "invalid_request"


async def test_the_response_type_is_checked_before_authlib_describes_it(provider: Provider) -> None:
    """Authlib puts it, unchecked, into a description: a quote there raises ValueError, a 500."""
    for response_type in ('"', "\\", "é", "token", "code token", "id_token", "none", "code code"):
        assert await error(provider, response_type=response_type) == "unsupported_response_type"
    assert await error(provider, response_type=None) == "invalid_request"


async def test_error_descriptions_never_hold_what_was_asked(provider: Provider) -> None:
    """OAuth2Error raises ValueError for a quote, a backslash or a letter beyond ASCII."""
    hostile = '"\\é\n'
    for name in (
        "scope", "resource", "prompt", "max_age", "dpop_jkt", "response_mode", "id_token_hint",
        "code_challenge", "code_challenge_method", "request",
    ):  # fmt: skip
        answer = await told(provider, request_for(**{name: hostile}))
        assert "é" not in answer["error_description"]


async def test_a_client_without_the_grant_is_told_so(provider: Provider) -> None:
    assert await refusal(provider, request_for("service")) == "invalid_request"


async def test_what_is_not_supported_is_named(provider: Provider) -> None:
    assert await error(provider, request="e30.e30.") == "request_not_supported"
    assert await error(provider, registration="{}") == "registration_not_supported"
    assert await error(provider, response_mode="fragment") == "invalid_request"
    elsewhere = request_for(request_uri="https://web.example.com/request")
    assert await refusal(provider, elsewhere) == "invalid_request"
    asked = await provider.parts.authorization.examine(
        request_for(
            claims='{"userinfo":{"name":{"essential":true}}}', display="page", acr_values="1"
        )
    )
    assert asked.scopes == ("openid", "orders.read")


async def test_scopes_and_resources_must_be_the_clients(provider: Provider) -> None:
    assert await error(provider, scope="openid unknown") == "invalid_scope"
    assert await error(provider, resource="urn:example:none") == "invalid_target"
    asked = await provider.parts.authorization.examine(
        [*request_for(scope="openid stock.read orders.read", resource=ORDERS), ("resource", STOCK)]
    )
    assert asked.resources == (ORDERS, STOCK)


async def test_prompt_max_age_and_jkt_are_checked(provider: Provider) -> None:
    for prompt in ("none login", "unknown", "none none2"):
        assert await error(provider, prompt=prompt) == "invalid_request"
    for max_age in ("-1", "1.5", "x", "٣", "9" * 10):
        assert await error(provider, max_age=max_age) == "invalid_request"
    assert await error(provider, dpop_jkt="short") == "invalid_request"
    assert (await provider.parts.authorization.examine(request_for(max_age="0"))).max_age == 0


async def test_a_repeated_parameter_is_told(provider: Provider) -> None:
    for name in ("scope", "nonce", "code_challenge", "state", "prompt"):
        parameters = [*request_for(**{name: "1"}), (name, "2")]
        with pytest.raises(Redirected) as redirected:
            await provider.parts.authorization.examine(parameters)
        assert query_of(redirected.value.location)["error"] == "invalid_request"


async def test_the_id_token_hint_names_the_user(provider: Provider) -> None:
    hint = (await provider.tokens())["id_token"]
    asked = await provider.parts.authorization.examine(request_for(id_token_hint=hint))
    assert asked.hinted_user_id == provider.user.user_id
    access = (await provider.tokens())["access_token"]
    for wrong in ("x", hint[:-4] + "AAAA", access):
        assert await error(provider, id_token_hint=wrong) == "invalid_request"


async def test_a_registered_query_is_kept(provider: Provider) -> None:
    clients = provider.parts.base.clients
    web = await clients.get("web")
    assert web is not None
    uri = "https://web.example.com/callback?tenant=7"
    await clients.put(web.model_copy(update={"redirect_uris": (uri,)}), source="admin")
    answer = query_of(await provider.approved(request_for(redirect_uri=uri)))
    assert answer["tenant"] == "7"
    assert "code" in answer

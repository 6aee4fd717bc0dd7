"""OpenID Connect Core §5.3."""

from identity.protocol.jwts import ALGORITHMS
from identity.tests.provider import Provider, challenges


async def test_the_scopes_say_what_is_told(provider: Provider) -> None:
    async def told(scope: str) -> dict[str, object]:
        token = (await provider.tokens(scope=scope))["access_token"]
        response = await provider.http.get(
            "/userinfo", headers={"Authorization": f"Bearer {token}"}
        )
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-store"
        return dict(response.json())

    sub = provider.user.user_id
    assert await told("openid") == {"sub": sub}
    assert await told("openid profile email") == {
        "sub": sub,
        "name": "Alice A.",
        "preferred_username": "alice",
        "email": "alice@example.com",
        "email_verified": True,
    }


async def test_it_is_told_by_post_too_with_the_token_in_the_form(provider: Provider) -> None:
    token = (await provider.tokens())["access_token"]
    response = await provider.http.post("/userinfo", data={"access_token": token})
    assert response.json()["sub"] == provider.user.user_id
    header = {"Authorization": f"Bearer {token}"}
    assert (await provider.http.post("/userinfo", headers=header)).status_code == 200
    twice = await provider.http.post("/userinfo", headers=header, data={"access_token": token})
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
    assert challenges(twice)["Bearer"]["error"] == "invalid_request"


BEARER = {"realm": "bodega"}
DPOP = {"realm": "bodega", "algs": " ".join(ALGORITHMS)}


async def test_who_shows_no_token_is_told_which_kinds_there_are(provider: Provider) -> None:
    """RFC 6750 §3.1: and of no error, for there is none yet."""
    for header in ("", "Bearer", "Basic eDp4", "DPoP"):
        response = await provider.http.get("/userinfo", headers={"Authorization": header})
        assert (response.status_code, response.json()) == (401, {}), header
        assert challenges(response) == {"Bearer": BEARER, "DPoP": DPOP}


async def test_a_wrong_token_is_named_in_the_challenge_of_its_scheme(provider: Provider) -> None:
    """RFC 6750 §3, RFC 9449 §7.1."""
    for header in ("Bearer x", "bearer x", "Bearer a.b.c", "DPoP x"):
        response = await provider.http.get("/userinfo", headers={"Authorization": header})
        assert (response.status_code, response.json()["error"]) == (401, "invalid_token"), header
        said = {name: response.json()[name] for name in ("error", "error_description")}
        named = "DPoP" if header.startswith("DPoP") else "Bearer"
        offered = {"Bearer": BEARER, "DPoP": DPOP}
        assert challenges(response) == offered | {named: offered[named] | said}


async def test_a_client_has_no_user(provider: Provider) -> None:
    token = await provider.credentials_token()
    response = await provider.http.get("/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, response.json()["error"]) == (403, "insufficient_scope")
    assert challenges(response)["Bearer"]["error"] == "insufficient_scope"
    assert challenges(response)["Bearer"]["scope"] == "openid"


async def test_a_token_in_the_url_is_none(provider: Provider) -> None:
    token = (await provider.tokens())["access_token"]
    assert (await provider.http.get(f"/userinfo?access_token={token}")).status_code == 401


async def test_nothing_is_told_after_the_end(provider: Provider) -> None:
    async def status(token: str) -> int:
        header = {"Authorization": f"Bearer {token}"}
        return (await provider.http.get("/userinfo", headers=header)).status_code

    revoked = await provider.tokens()
    await provider.post("/revoke", "web", token=revoked["refresh_token"])
    assert await status(revoked["access_token"]) == 401
    disabled = await provider.tokens()
    await provider.parts.users.set_disabled(provider.user.user_id, disabled=True)
    assert await status(disabled["access_token"]) == 401

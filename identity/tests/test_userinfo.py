"""OpenID Connect Core §5.3."""

from identity.tests.provider import Provider


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


async def test_without_a_token_of_ours_there_is_nothing(provider: Provider) -> None:
    for header in ("", "Bearer", "Bearer x", "Basic eDp4", "Bearer a.b.c", "DPoP"):
        response = await provider.http.get("/userinfo", headers={"Authorization": header})
        assert response.status_code == 401, header
        assert response.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


async def test_a_client_has_no_user(provider: Provider) -> None:
    token = await provider.credentials_token()
    response = await provider.http.get("/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, response.json()["error"]) == (403, "insufficient_scope")


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

"""RFC 6749 §4.4, RFC 8707, RFC 9068."""

import jwt

from identity.tests.provider import ISSUER, ORDERS, SECRET, STOCK, Provider


def claims_of(token: str) -> dict[str, object]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


async def test_a_client_gets_a_jwt_for_the_resources_of_its_scopes(provider: Provider) -> None:
    response = await provider.token("service", grant_type="client_credentials")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 600
    assert body["scope"] == "orders.read orders.write stock.read"
    assert "refresh_token" not in body
    assert jwt.get_unverified_header(body["access_token"])["typ"] == "at+jwt"
    claims = claims_of(body["access_token"])
    assert claims["iss"] == ISSUER
    assert claims["sub"] == claims["client_id"] == "service"
    assert claims["aud"] == [ORDERS, STOCK]


async def test_the_token_verifies_with_the_published_keys(provider: Provider) -> None:
    token = await provider.credentials_token(scope="orders.read")
    published = (await provider.http.get("/jwks")).json()
    key = jwt.PyJWKSet.from_dict(published)[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=["ES256"], audience=ORDERS, issuer=ISSUER)
    assert claims["scope"] == "orders.read"


async def test_a_scope_that_is_not_registered_is_invalid(provider: Provider) -> None:
    response = await provider.token("poster", grant_type="client_credentials", scope="orders.write")
    assert response.status_code == 401  # Not its method.
    for scope in ("unknown", "orders.read unknown", "openid", " "):
        response = await provider.token("service", grant_type="client_credentials", scope=scope)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_scope")


async def test_a_resource_narrows_scopes_and_audience(provider: Provider) -> None:
    token = await provider.credentials_token(resource=STOCK)
    assert claims_of(token)["aud"] == STOCK
    assert claims_of(token)["scope"] == "stock.read"


async def test_resource_of_rfc8707_may_be_named_twice(provider: Provider) -> None:
    response = await provider.http.post(
        "/token",
        content=f"grant_type=client_credentials&resource={ORDERS}&resource={STOCK}",
        headers={"content-type": "application/x-www-form-urlencoded"},
        auth=("service", SECRET),
    )
    assert claims_of(response.json()["access_token"])["aud"] == [ORDERS, STOCK]


async def test_an_unknown_resource_is_an_invalid_target(provider: Provider) -> None:
    response = await provider.token(
        "service", grant_type="client_credentials", resource="urn:example:none"
    )
    assert (response.status_code, response.json()["error"]) == (400, "invalid_target")


async def test_a_resource_of_which_no_scope_is_asked_for_is_an_invalid_target(
    provider: Provider,
) -> None:
    for client_id, scope in (("service", "orders.read"), ("api", "stock.read")):
        target = STOCK if client_id == "service" else ORDERS
        response = await provider.token(
            client_id, grant_type="client_credentials", scope=scope, resource=target
        )
        assert (response.status_code, response.json()["error"]) == (400, "invalid_target")


async def test_a_client_without_the_grant_is_unauthorized(provider: Provider) -> None:
    response = await provider.token("web", grant_type="client_credentials")
    assert (response.status_code, response.json()["error"]) == (400, "unauthorized_client")


async def test_there_are_no_other_grants(provider: Provider) -> None:
    for grant_type in ("password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", '"'):
        response = await provider.token(
            "service", grant_type=grant_type, username="alice", password="correct horse battery"
        )
        assert (response.status_code, response.json()["error"]) == (400, "unsupported_grant_type")


async def test_a_public_client_has_no_credentials(provider: Provider) -> None:
    response = await provider.token(None, grant_type="client_credentials", client_id="app")
    assert response.status_code == 401
    assert response.json()["error"] == "invalid_client"


async def test_a_repeated_parameter_is_refused(provider: Provider) -> None:
    response = await provider.http.post(
        "/token",
        content="grant_type=client_credentials&scope=orders.read&scope=orders.write",
        headers={"content-type": "application/x-www-form-urlencoded"},
        auth=("service", SECRET),
    )
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_parameters_in_the_url_are_none(provider: Provider) -> None:
    response = await provider.http.post(
        "/token?grant_type=client_credentials", auth=("service", SECRET)
    )
    assert response.json()["error"] == "unsupported_grant_type"

"""A confidential client, as careful as the conformance suite: it checks all that it is told."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt

from identity.conformance.tests.browser import Browser
from identity.conformance.tests.provider import CALLBACK, SECRET, Provider
from runtime.clock import SECOND

type Claims = dict[str, Any]


def _random() -> str:
    return secrets.token_urlsafe(32)


def s256(verifier: str) -> str:
    """Return the code challenge of a verifier (RFC 7636 §4.2)."""
    return (
        base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    )


@dataclass
class Flow:
    """One authorization: what the client asks for, and what it remembers of it."""

    provider: Provider
    client_id: str = "rp"
    verifier: str = field(default_factory=_random)
    state: str = field(default_factory=_random)
    nonce: str = field(default_factory=_random)

    def parameters(self, **changes: str | None) -> dict[str, str]:
        """Return the request; `changes` replace what is right, None leaves it out."""
        asked = {
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid",
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": s256(self.verifier),
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in asked.items() if value is not None}

    def path(self, **changes: str | None) -> str:
        """Return where the browser is sent."""
        return f"/authorize?{urlencode(self.parameters(**changes))}"

    def answer(self, response: httpx.Response) -> dict[str, str]:
        """Return what the redirection tells the client, once it is known to be meant for it."""
        assert response.status_code == 303, response.text
        location = response.headers["location"]
        assert location.partition("?")[0] == CALLBACK
        answer = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert answer["state"] == self.state
        assert answer["iss"] == self.provider.issuer
        return answer

    async def code(self, browser: Browser, **changes: str | None) -> str:
        """Send the browser through log-in and consent; return the code that it brings back."""
        page = await browser.get(self.path(**changes))
        answer = self.answer(await browser.go_through(page))
        assert "error" not in answer, answer
        return answer["code"]

    async def redeem(self, code: str, **changes: str) -> httpx.Response:
        """Send the token request."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
            **changes,
        }
        return await self.post("/token", **form)

    async def refresh(self, token: str, **form: str) -> httpx.Response:
        """Send the refresh request."""
        return await self.post("/token", grant_type="refresh_token", refresh_token=token, **form)

    async def post(self, path: str, **form: str) -> httpx.Response:
        """Send a form as the client, authenticated as it is registered."""
        match self.client_id:
            case "poster":
                form |= {"client_id": self.client_id, "client_secret": SECRET}
                return await self.provider.http.post(path, data=form)
            case "app":
                form |= {"client_id": self.client_id}
                return await self.provider.http.post(path, data=form)
            case _:
                auth = httpx.BasicAuth(self.client_id, SECRET)
                return await self.provider.http.post(path, data=form, auth=auth)

    async def tokens(self, browser: Browser, **changes: str | None) -> dict[str, Any]:
        """Return what the whole flow gives, checked as OpenID Connect Core §3.1.3.3 says."""
        response = await self.redeem(await self.code(browser, **changes))
        assert response.status_code == 200, response.text
        assert response.headers["cache-control"] == "no-store"
        body: dict[str, Any] = response.json()
        assert body["token_type"] == "Bearer"
        assert body["expires_in"] > 0
        return body

    async def id_token(self, body: dict[str, Any], *, nonce: bool = True) -> Claims:
        """Return the claims of the ID token, checked as OpenID Connect Core §3.1.3.7 says."""
        token = body["id_token"]
        header = jwt.get_unverified_header(token)
        jwks = (await self.provider.http.get("/jwks")).json()["keys"]
        (key,) = [key for key in jwks if key["kid"] == header["kid"]]
        assert key["alg"] == header["alg"]
        claims: Claims = jwt.decode(
            token,
            jwt.PyJWK(key),
            algorithms=[header["alg"]],
            audience=self.client_id,
            issuer=self.provider.issuer,
            options={"verify_exp": False, "verify_iat": False},
        )
        now = self.provider.parts.base.clock() / SECOND
        assert now - 1 <= claims["iat"] <= now < claims["exp"]
        assert claims.get("nonce") == (self.nonce if nonce else None)
        digest = hashlib.sha256(body["access_token"].encode()).digest()
        assert claims["at_hash"] == base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
        return claims

    async def userinfo(self, access_token: str) -> httpx.Response:
        """Ask who the user is, by GET."""
        headers = {"Authorization": f"Bearer {access_token}"}
        return await self.provider.http.get("/userinfo", headers=headers)

"""What a client does of the code flow, apart from the browser: the request, and the redemption."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx


def _random() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class RelyingParty:
    """One authorization asked for by a public client (RFC 7636, OpenID Connect)."""

    issuer: str
    client_id: str
    redirect_uri: str
    verifier: str = field(default_factory=_random)
    state: str = field(default_factory=_random)

    def url(self, **parameters: str) -> str:
        """Return where the browser is sent."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid profile email",
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self.issuer}/authorize?{urlencode(asked | parameters)}"

    def answer(self, url: str) -> dict[str, str]:
        """Return what the server has to say where the browser was sent back to."""
        assert url.partition("?")[0] == self.redirect_uri
        answer = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert answer["state"] == self.state
        assert answer["iss"] == self.issuer
        return answer

    def redeem(self, url: str) -> dict[str, Any]:
        """Return the tokens for the code that the browser brought back."""
        form = {
            "grant_type": "authorization_code",
            "code": self.answer(url)["code"],
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }
        response = httpx.post(f"{self.issuer}/token", data=form, timeout=60)
        assert response.status_code == 200, response.text
        tokens: dict[str, Any] = response.json()
        return tokens

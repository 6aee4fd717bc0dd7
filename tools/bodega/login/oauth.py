"""The endpoints of the identity server that a terminal uses."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

from runtime.auth.https import Answer
from runtime.auth.issuer import Issuer, IssuerError
from runtime.auth.token_source import basic_authorization
from tools.bodega.login.login_file import AccessToken

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


class OAuthError(Exception):
    """The issuer refuses (RFC 6749 §5.2): `error` is its code for it."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}" if description else error)
        self.error = error


@dataclass(frozen=True, slots=True)
class Granted:
    """What the token endpoint gave."""

    access_token: AccessToken
    scope: str
    refresh_token: str | None


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """Where the user goes to allow the log-in, with which code, and how to ask whether they did."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_in: float
    interval: float

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """Read the answer of RFC 8628 §3.2."""
        complete = body.get("verification_uri_complete")
        return cls(
            device_code=_text(body, "device_code"),
            user_code=_text(body, "user_code"),
            verification_uri=_text(body, "verification_uri"),
            verification_uri_complete=complete if isinstance(complete, str) else None,
            expires_in=_seconds(body, "expires_in", None),
            interval=_seconds(body, "interval", 5),
        )


class OAuth:
    """Asks one issuer. IssuerError where it is away, OAuthError where it refuses."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer

    async def start_device(self, client_id: str, scope: str) -> DeviceCode:
        """Begin a log-in whose user is at some browser (RFC 8628 §3.1)."""
        form = {"client_id": client_id, "scope": scope}
        return DeviceCode.of(await self._post("device_authorization_endpoint", form))

    async def poll_device(self, client_id: str, device_code: str, resource: str) -> Granted:
        """Ask whether the user has allowed it (RFC 8628 §3.4)."""
        form = {
            "grant_type": DEVICE_CODE,
            "client_id": client_id,
            "device_code": device_code,
            "resource": resource,
        }
        return await self._grant(form, {})

    async def refresh(self, client_id: str, refresh_token: str, resource: str) -> Granted:
        """Exchange a refresh token, which is good once (RFC 6749 §6)."""
        form = {
            "grant_type": "refresh_token",
            "client_id": client_id,
            "refresh_token": refresh_token,
            "resource": resource,
        }
        return await self._grant(form, {})

    async def client_credentials(self, client_id: str, secret: str, **what: str) -> Granted:
        """Get a token for a client itself (RFC 6749 §4.4): for all that it is registered for.

        `resource` and `scope` say what of it.
        """
        headers = {"authorization": basic_authorization(client_id, secret)}
        return await self._grant({"grant_type": "client_credentials", **what}, headers)

    async def revoke(self, client_id: str, refresh_token: str) -> None:
        """Give up a refresh token, and all that came of the same log-in (RFC 7009)."""
        form = {"client_id": client_id, "token": refresh_token}
        await self._post("revocation_endpoint", form)

    async def userinfo(self, token: AccessToken) -> Mapping[str, Any]:
        """Ask who the user is (OpenID Connect Core §5.3)."""
        headers = {"authorization": f"Bearer {token.token}"}
        return await self._post("userinfo_endpoint", {}, headers)

    async def _grant(self, form: Mapping[str, str], headers: Mapping[str, str]) -> Granted:
        began = time.time()
        body = await self._post("token_endpoint", form, headers)
        refresh_token = body.get("refresh_token")
        scope = body.get("scope", "")
        end = began + _seconds(body, "expires_in", 300)
        return Granted(
            AccessToken(token=_text(body, "access_token"), made=began, end=end),
            scope if isinstance(scope, str) else "",
            refresh_token if isinstance(refresh_token, str) else None,
        )

    async def _post(
        self, endpoint: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        url = await self.issuer.endpoint(endpoint)
        return _accepted(url, await self.issuer.post(url, form, headers or {}))


def _accepted(url: str, answer: Answer) -> Mapping[str, Any]:
    if answer.status == HTTPStatus.OK:
        return answer.body
    error, description = answer.body.get("error"), answer.body.get("error_description", "")
    if not isinstance(error, str) or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise IssuerError(f"{url} answers {answer.status}")
    raise OAuthError(error[:100], str(description)[:300])


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise IssuerError(f"the issuer answers without {name}")
    return value


def _seconds(body: Mapping[str, Any], name: str, default: float | None) -> float:
    value = body.get(name, default)
    if not isinstance(value, int | float) or not 0 < value < 1e9:
        raise IssuerError(f"the issuer answers without {name}")
    return float(value)

"""The tokens for one of the shop's servers (RFC 8707): a user's out of the file, or a client's."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from runtime.auth.issuer import IssuerError
from runtime.auth.secret_file import read_secret
from runtime.errors import Unavailable
from runtime.reason import Reason
from tools.bodega.failure import AS_OPERATOR, LOG_IN, Exit, Failure
from tools.bodega.login.login_file import AccessToken, Login, LoginFile
from tools.bodega.login.oauth import OAuth, OAuthError

# A token is not used in the last of its life: it must not expire on its way.
RESERVE_SECONDS = 10.0
LEAST_LIFE_SECONDS = 1.0

type IsGood = Callable[[AccessToken], bool]


class Source(Protocol):
    """Where tokens come from."""

    async def get(self, is_good: IsGood) -> AccessToken:
        """Return a token. IssuerError where the issuer is away, Failure where it gives none."""


class ServerTokens:
    """Hands out a token until shortly before its end, or until the server refuses it."""

    def __init__(self, source: Source, clock: Callable[[], float] = time.time) -> None:
        self._source = source
        self._clock = clock
        self._token: AccessToken | None = None
        self._refused: str | None = None

    def ready(self) -> str | None:
        """Return a token that is good for now, None where one must be fetched first."""
        return self._token.token if self._token and self._is_good(self._token) else None

    async def token(self) -> str:
        """Return a token that is good for now.

        Unavailable where the issuer is away; Failure where the log-in does not give one.
        """
        return (await self.current()).token

    async def current(self) -> AccessToken:
        """Return the same with its times."""
        if self._token is None or not self._is_good(self._token):
            try:
                self._token = await self._source.get(self._is_good)
            except IssuerError as error:
                raise Unavailable(f"no token: {error}", reason=Reason.TOKEN_UNAVAILABLE) from error
        return self._token

    def drop(self, token: str) -> bool:
        """Forget a token that was refused; say whether another may fare better.

        One that was refused as soon as it was made would be followed by its like.
        """
        if self._token is not None and self._token.token == token:
            if self._clock() < self._token.made + LEAST_LIFE_SECONDS:
                return False
            self._refused, self._token = token, None
        return True

    def _is_good(self, token: AccessToken) -> bool:
        return token.token != self._refused and self._clock() < token.end - RESERVE_SECONDS


class UserTokens:
    """The tokens of a logged-in user, which all processes share in the file of the log-in.

    A refresh token is good once, so whoever needs a new token locks the file first, and then
    looks whether another process has fetched it meanwhile.
    """

    def __init__(self, oauth: OAuth, file: LoginFile, resource: str) -> None:
        self._oauth = oauth
        self._file = file
        self._resource = resource

    async def get(self, is_good: IsGood) -> AccessToken:
        """Return the token in the file, or refresh it."""
        found = self._in(self._login(), is_good)
        if found is None:
            async with self._file.locked():
                login = self._login()
                found = self._in(login, is_good) or await self._refreshed(login)
        return found

    def _in(self, login: Login, is_good: IsGood) -> AccessToken | None:
        found = login.access_tokens.get(self._resource)
        return found if found and is_good(found) else None

    def _login(self) -> Login:
        login = self._file.read()
        if login is None:
            raise not_logged_in(self._file)
        return login

    async def _refreshed(self, login: Login) -> AccessToken:
        if login.refresh_token is None:
            raise _over(login)
        try:
            granted = await self._oauth.refresh(
                login.client_id, login.refresh_token, self._resource
            )
        except OAuthError as error:
            raise refusal(login, error) from error
        tokens: Mapping[str, AccessToken] = {
            **login.access_tokens,
            self._resource: granted.access_token,
        }
        kept = {
            "access_tokens": tokens,
            "refresh_token": granted.refresh_token or login.refresh_token,
        }
        self._file.write(login.model_copy(update=kept))
        return granted.access_token


class ClientTokens:
    """The tokens of a client with a secret, which costs one request to the issuer a command."""

    def __init__(self, oauth: OAuth, login: Login, resource: str, scopes: frozenset[str]) -> None:
        self._oauth = oauth
        self._login = login
        self._for = {"resource": resource, "scope": " ".join(sorted(scopes))}

    async def get(self, _is_good: IsGood) -> AccessToken:
        """Ask for a new one."""
        secret = read_client_secret(self._login.secret_file)
        try:
            granted = await self._oauth.client_credentials(
                self._login.client_id, secret, **self._for
            )
        except OAuthError as error:
            raise refusal(self._login, error) from error
        return granted.access_token


def read_client_secret(file: Path | None) -> str:
    """Read the secret of a client. Failure where that cannot be."""
    try:
        return read_secret(file or Path(), "--secret-file")
    except IssuerError as error:
        hint = "Log in with the file of the secret: bodega login --client-id … --secret-file …"
        raise Failure(str(error), "SECRET_FILE", hint, Exit.NOT_LOGGED_IN) from error


def not_logged_in(file: LoginFile) -> Failure:
    """Tell a user that they must log in."""
    message = f"you are not logged in (profile {file.profile})"
    return Failure(message, "NOT_LOGGED_IN", LOG_IN, Exit.NOT_LOGGED_IN)


def _over(login: Login) -> Failure:
    message = f"your log-in at {login.issuer} is over: it was revoked, or not used for too long"
    return Failure(message, "LOGIN_OVER", "Log in again: bodega login", Exit.NOT_LOGGED_IN)


def refusal(login: Login, error: OAuthError) -> Failure:
    """Tell why the issuer gives no token."""
    match error.error:
        case "invalid_grant":
            return _over(login)
        case "invalid_target" | "invalid_scope":
            message = f"{login.name} may not do that"
            return Failure(message, "NOT_ALLOWED", AS_OPERATOR)
        case "invalid_client":
            message = f"{login.issuer} knows no client {login.client_id} with this secret"
            hint = "--client-id names the client, --secret-file the file of its secret."
            return Failure(message, "INVALID_CLIENT", hint, Exit.NOT_LOGGED_IN)
        case _:
            return Failure(f"{login.issuer} refuses: {error}", error.error.upper())

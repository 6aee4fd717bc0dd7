"""The APIs that tokens are for (RFC 8707), and the scopes that each of them knows."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

# Of OpenID Connect Core §5.4 and §11: about the user, and of no API.
OIDC_SCOPES: Mapping[str, str] = {
    "openid": "Know who you are",
    "profile": "See your name",
    "email": "See your e-mail address",
    "offline_access": "Keep access while you are not there",
}


@dataclass(frozen=True, slots=True)
class Resource:
    """An API: its resource indicator, its name for people, and what its scopes allow."""

    uri: str
    name: str
    scopes: Mapping[str, str]


class Resources:
    """All APIs. A scope belongs to one of them, or is one of OpenID Connect's."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        self._resources = {resource.uri: resource for resource in resources}
        self._owners = {
            scope: resource for resource in self._resources.values() for scope in resource.scopes
        }

    def all(self) -> list[Resource]:
        """Return every API."""
        return list(self._resources.values())

    def get(self, uri: str) -> Resource | None:
        """Return the API of a resource indicator."""
        return self._resources.get(uri)

    def knows(self, uri: str) -> bool:
        """Whether there is an API of that resource indicator."""
        return uri in self._resources

    def knows_scope(self, scope: str) -> bool:
        """Whether a scope means anything here."""
        return scope in self._owners or scope in OIDC_SCOPES

    def owner(self, scope: str) -> str | None:
        """Return the resource indicator of a scope's API, None for OpenID Connect's and unknown."""
        resource = self._owners.get(scope)
        return resource.uri if resource else None

    def describe(self, scope: str) -> str:
        """Return what a scope allows, in words for the user; of an unknown scope, its name."""
        resource = self._owners.get(scope)
        return resource.scopes[scope] if resource else OIDC_SCOPES.get(scope, scope)

    def scopes(self) -> list[str]:
        """Return every scope, OpenID Connect's first."""
        return [*OIDC_SCOPES, *self._owners]

    def audience(self, scopes: Iterable[str]) -> tuple[str, ...]:
        """Return the resource indicators of the APIs that the scopes belong to."""
        return tuple(dict.fromkeys(uri for uri in map(self.owner, scopes) if uri is not None))

    def narrow(self, scopes: Iterable[str], uris: Collection[str]) -> tuple[str, ...]:
        """Keep the scopes of these APIs, and those of OpenID Connect."""
        return tuple(scope for scope in scopes if scope in OIDC_SCOPES or self.owner(scope) in uris)

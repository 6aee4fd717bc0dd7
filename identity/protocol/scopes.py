"""Which scopes a token gets, and for whom it is good (RFC 6749 §3.3, RFC 8707)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from identity.clients.client import Client
from identity.clients.resources import OIDC_SCOPES, Resources
from identity.protocol.errors import InvalidScopeError, InvalidTargetError


@dataclass(frozen=True, slots=True)
class Reach:
    """What a token may do. `resources` are the URIs asked for; empty: wherever the scopes go."""

    scopes: tuple[str, ...]
    resources: tuple[str, ...]


class Scopes:
    """The rules, over the resources there are."""

    def __init__(self, resources: Resources, issuer: str) -> None:
        self._resources = resources
        self._issuer = issuer

    def requested(
        self, client: Client, scope: str | None, resources: Sequence[str], *, user: bool
    ) -> Reach:
        """Return what a client asks for; of no scope named, what it is registered for.

        `user`: whether one stands behind it. InvalidScopeError, InvalidTargetError (RFC 8707 §2).
        """
        if scope is None:
            asked = tuple(each for each in client.scopes if each not in OIDC_SCOPES)
        else:
            asked = tuple(dict.fromkeys(scope.split()))
            # OpenID's speak of a user: they are nothing for a client that acts for itself.
            allowed = set(client.scopes) if user else set(client.scopes) - OIDC_SCOPES.keys()
            if not allowed.issuperset(asked):
                raise InvalidScopeError
        if not asked:
            raise InvalidScopeError
        return self._narrowed(asked, tuple(dict.fromkeys(resources)))

    def within(
        self,
        scopes: Sequence[str],
        granted: Collection[str],
        asked: Sequence[str],
    ) -> Reach:
        """Return what a token upon a grant is for, where the token request names resources.

        `granted` are the resources that the grant is for; empty: wherever its scopes go.
        """
        if granted and not set(asked) <= set(granted):
            raise InvalidTargetError("The resource was not granted.")
        if asked:
            return self._narrowed(tuple(scopes), tuple(dict.fromkeys(asked)))
        kept = self._kept(tuple(scopes), tuple(granted))
        return Reach(kept, self._resources.audience(kept) if granted else ())

    def audience(self, reach: Reach) -> tuple[str, ...]:
        """Return the `aud` of a token: who owns its scopes; of OpenID's own, we."""
        if reach.resources:
            return reach.resources
        return self._resources.audience(reach.scopes) or (self._issuer,)

    def _narrowed(self, scopes: tuple[str, ...], resources: tuple[str, ...]) -> Reach:
        """Narrow the scopes to the resources; each of those must own one of them.

        Else a token would be good at a resource of which the client may do nothing.
        """
        if not set(resources) <= set(self._resources.audience(scopes)):
            raise InvalidTargetError("No scope of the resource is asked for.")
        return Reach(self._kept(scopes, resources), resources)

    def _kept(self, scopes: tuple[str, ...], resources: tuple[str, ...]) -> tuple[str, ...]:
        return self._resources.narrow(scopes, resources) if resources else scopes

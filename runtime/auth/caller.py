"""Who calls: what a verified token says of its bearer."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """The bearer of an access token (RFC 9068): whom it stands for, through which client."""

    subject: str
    client_id: str
    scopes: frozenset[str]

    @property
    def is_service(self) -> bool:
        """Whether a client acts for itself, with nobody behind it (client_credentials)."""
        return self.subject == self.client_id


current_caller: ContextVar[Caller | None] = ContextVar("current_caller", default=None)


def caller() -> Caller:
    """Return who calls the RPC that is being served; its policy must name scopes.

    A public RPC has no caller, whatever token came with it: nobody has verified it.
    """
    found = current_caller.get()
    if found is None:
        raise LookupError("no caller: this RPC is public, or nothing is being served")
    return found

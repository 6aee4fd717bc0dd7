"""What a service says when it cannot do what was asked, in terms of the domain.

Nothing here knows gRPC: `runtime.status` alone gives each error its status code.
"""

# ruff: noqa: N818 (each is named as its gRPC code is)

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from runtime.reason import Reason, ReasonEnum

NO_METADATA: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field of the request, by its path (`price.units`), and the rule that it breaks.

    An empty path means the request as a whole.
    """

    field: str
    rule: str

    def __str__(self) -> str:
        return f"{self.field}: {self.rule}" if self.field else self.rule


class DomainError(Exception):
    """An answer other than the one asked for.

    `message` is for people and reaches the caller; `reason` is UPPER_SNAKE and stable, for
    programs; `metadata` names the things concerned. None of them may hold a secret.
    """

    def __init__(
        self, message: str, *, reason: ReasonEnum, metadata: Mapping[str, str] = NO_METADATA
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.metadata = metadata


class InvalidArgument(DomainError):
    """The request breaks a rule, whatever the state of the system is."""

    def __init__(
        self,
        violations: Sequence[FieldViolation],
        *,
        reason: ReasonEnum = Reason.INVALID_ARGUMENT,
        metadata: Mapping[str, str] = NO_METADATA,
    ) -> None:
        message = "; ".join(map(str, violations))
        super().__init__(message, reason=reason, metadata=metadata)
        self.violations = tuple(violations)


class OutOfRange(DomainError):
    """The request goes past the end of what there is."""


class NotFound(DomainError):
    """There is no such thing."""


class AlreadyExists(DomainError):
    """There is such a thing already."""


class Aborted(DomainError):
    """Somebody else was first (a stale etag): read again, then retry."""


class FailedPrecondition(DomainError):
    """The state of the system forbids it until somebody changes that state."""


class _Challenge(DomainError):
    """`challenge` says how to do better next time (RFC 9110 §11.6.1)."""

    def __init__(
        self,
        message: str,
        *,
        reason: ReasonEnum,
        metadata: Mapping[str, str] = NO_METADATA,
        challenge: str | None = None,
    ) -> None:
        super().__init__(message, reason=reason, metadata=metadata)
        self.challenge = challenge


class Unauthenticated(_Challenge):
    """The caller did not prove who it is."""


class PermissionDenied(_Challenge):
    """The caller is known, and may not."""


class Transient(DomainError):
    """It passes by itself: `retry_after` says when to come back, where that is known."""

    def __init__(
        self,
        message: str,
        *,
        reason: ReasonEnum,
        metadata: Mapping[str, str] = NO_METADATA,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message, reason=reason, metadata=metadata)
        self.retry_after = retry_after


class ResourceExhausted(Transient):
    """A limit is reached: a quota, a queue, the RPCs that run at once."""


class Unavailable(Transient):
    """Not now, and nothing was done: the same request may succeed later."""

"""What the user is told when a command cannot do what was asked, and its exit code."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc import aio

from runtime.status_details import unpack


class Exit(IntEnum):
    """How the program ends."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    NOT_LOGGED_IN = 3
    NOT_FOUND = 4
    AWAY = 5
    INTERRUPTED = 130


@dataclass(eq=False)
class Failure(Exception):  # noqa: N818 (it is told to the user, by this name)
    """`message` says what is wrong, `hint` what to do next; `reason` is for programs."""

    message: str
    reason: str
    hint: str = ""
    code: Exit = Exit.REFUSED

    def __str__(self) -> str:
        return self.message


LOG_IN = "Log in: bodega login"
AS_OPERATOR = (
    "Who runs the shop may: bodega --profile operator login --client-id operator, and then"
    " bodega --profile operator …"
)

_HINTS = {
    "ETAG_STALE": "Somebody changed it meanwhile: look at it again, and repeat with its new etag.",
    "CART_NOT_FOUND": "Make a cart first: bodega cart create",
    "PRODUCT_NOT_FOUND": "See what there is: bodega products list",
    "DISCOUNT_NOT_FOUND": "See what there is: bodega discounts list",
    "SCOPE_MISSING": AS_OPERATOR,
    "OWNER_FORBIDDEN": AS_OPERATOR,
    "DATABASE_AWAY": "Try again in a while.",
    "DATABASE_CORRUPT": "Whoever runs the shop must look at its database.",
    "ISSUER_UNAVAILABLE": "The identity server is away: try again in a while.",
}
_EXITS = {
    grpc.StatusCode.NOT_FOUND: Exit.NOT_FOUND,
    grpc.StatusCode.UNAUTHENTICATED: Exit.NOT_LOGGED_IN,
    grpc.StatusCode.UNAVAILABLE: Exit.AWAY,
    grpc.StatusCode.DEADLINE_EXCEEDED: Exit.AWAY,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Exit.AWAY,
}


@dataclass(frozen=True, slots=True)
class Details:
    """What an answer says beside its code (google.rpc.Status)."""

    reason: str
    violations: tuple[str, ...]

    @classmethod
    def read(cls, unpack: Callable[[Message], bool]) -> Self:
        """Read the details; there are none where the answer is not of a service of ours."""
        info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        unpack(info)
        unpack(request)
        return cls(
            info.reason,
            tuple(
                f"{each.field}: {each.description}" if each.field else each.description
                for each in request.field_violations
            ),
        )


def of_status(status: status_pb2.Status) -> Failure:
    """Tell of an operation that failed within a stream which goes on."""
    details = Details.read(lambda into: any(each.Unpack(into) for each in status.details))
    message = "\n".join(details.violations) or status.message
    return Failure(message, details.reason, _HINTS.get(details.reason, ""))


def of_rpc(error: aio.AioRpcError, server: str) -> Failure:
    """Tell of a call that failed; `server` names whom it went to, and where that is."""
    code, details = error.code(), Details.read(lambda into: unpack(error, into))
    message, hint = error.details() or "", _HINTS.get(details.reason, "")
    if details.violations:
        message = "\n".join(details.violations)
    elif not details.reason and code is grpc.StatusCode.UNAVAILABLE:
        message, hint = _away(message, server)
    elif code is grpc.StatusCode.DEADLINE_EXCEEDED:
        message = f"{server} did not answer in time"
    elif not details.reason:
        message = f"{server}: {message or code.name.lower().replace('_', ' ')}"
    if code is grpc.StatusCode.UNAUTHENTICATED:
        hint = LOG_IN
    return Failure(message, details.reason or code.name, hint, _EXITS.get(code, Exit.REFUSED))


def _away(message: str, server: str) -> tuple[str, str]:
    """Tell a server that is not there from one whose token could not be had."""
    if message.startswith("no token: "):
        hint = "Is the identity server running? --issuer names another one."
        return message.removeprefix("no token: "), hint
    name = server.partition(" ")[0].lower()
    hint = f"Is the shop running? ./bazelw run //:shop starts it, --{name} names another address."
    return f"{server} does not answer", hint

"""Errors on the wire: google.rpc.Status with details. Nothing else knows status codes."""

from datetime import timedelta

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from runtime import errors

DOMAIN = "bodega"

# gRPC clients refuse trailers above 8 KiB. The message travels there twice, once with
# three characters for each byte that is not ASCII, and the details in base64.
MAX_MESSAGE_BYTES = 400
MAX_VIOLATIONS_BYTES = 3500
MAX_METADATA_VALUE_BYTES = 200

CODES: dict[type[errors.DomainError], grpc.StatusCode] = {
    errors.InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    errors.OutOfRange: grpc.StatusCode.OUT_OF_RANGE,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.Aborted: grpc.StatusCode.ABORTED,
    errors.FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    errors.ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
}


def code_of(error: errors.DomainError) -> grpc.StatusCode:
    """Return the status code of an error, that of its nearest base class."""
    for cls in type(error).__mro__:
        if cls in CODES:
            return CODES[cls]
    return grpc.StatusCode.UNKNOWN


def to_status(error: errors.DomainError) -> status_pb2.Status:
    """Describe the error as google.rpc.Status, small enough for trailers."""
    number: int = code_of(error).value[0]
    status = status_pb2.Status(code=number, message=_cut(error.message, MAX_MESSAGE_BYTES))
    _attach(status, _error_info(error))
    if isinstance(error, errors.InvalidArgument):
        _attach(status, _bad_request(error))
    if isinstance(error, errors.Transient) and error.retry_after:
        _attach(status, _retry_info(error.retry_after))
    return status


def _cut(text: str, size: int) -> str:
    encoded = text.encode("utf-8", "replace")
    return text if len(encoded) <= size else encoded[:size].decode("utf-8", "ignore") + "…"


def _attach(status: status_pb2.Status, detail: Message) -> None:
    status.details.add().Pack(detail)


def _error_info(error: errors.DomainError) -> error_details_pb2.ErrorInfo:
    metadata = {key: _cut(value, MAX_METADATA_VALUE_BYTES) for key, value in error.metadata.items()}
    return error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)


def _bad_request(error: errors.InvalidArgument) -> error_details_pb2.BadRequest:
    """List the violations, as many as fit."""
    detail = error_details_pb2.BadRequest()
    for violation in error.violations:
        detail.field_violations.add(field=violation.field, description=violation.rule)
        if detail.ByteSize() > MAX_VIOLATIONS_BYTES:
            del detail.field_violations[-1]
            break
    return detail


def _retry_info(after: timedelta) -> error_details_pb2.RetryInfo:
    detail = error_details_pb2.RetryInfo()
    detail.retry_delay.FromTimedelta(after)
    return detail

"""What the error of an outgoing call says beyond its code: google.rpc.Status, read."""

from datetime import timedelta

from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2
from grpc import aio
from grpc_status import rpc_status

NO_DELAY = timedelta(0)


def unpack(error: aio.AioRpcError, into: Message) -> bool:
    """Fill in the first detail of that type; return whether there is one."""
    try:
        status = rpc_status.from_call(error)  # type: ignore[no-untyped-call]
    except DecodeError, ValueError:
        # A proxy on the way may say anything, and another message than the server's.
        return False
    return any(detail.Unpack(into) for detail in (status.details if status else ()))


def reason_of(error: aio.AioRpcError) -> str:
    """Return the reason for programs (google.rpc.ErrorInfo), empty where there is none."""
    info = error_details_pb2.ErrorInfo()
    unpack(error, info)
    return info.reason


def retry_delay(error: aio.AioRpcError) -> timedelta:
    """Return how long the server asks to be left alone (google.rpc.RetryInfo)."""
    info = error_details_pb2.RetryInfo()
    if not unpack(error, info):
        return NO_DELAY
    try:
        return max(NO_DELAY, info.retry_delay.ToTimedelta())
    except OverflowError, ValueError:
        return NO_DELAY

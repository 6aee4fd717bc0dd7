from datetime import timedelta

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from runtime.reason import Reason
from runtime.status_details import reason_of, retry_delay, unpack

AWAY = grpc.StatusCode.UNAVAILABLE


def refusal(details: bytes, message: str = "away") -> grpc.aio.AioRpcError:
    trailers = grpc.aio.Metadata(("grpc-status-details-bin", details))
    return grpc.aio.AioRpcError(AWAY, grpc.aio.Metadata(), trailers, details=message)


def status(message: str, seconds: int = 2) -> bytes:
    return packed(
        message, error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=seconds))
    )


def packed(message: str, detail: Message) -> bytes:
    info = any_pb2.Any()
    info.Pack(detail)
    return status_pb2.Status(
        code=AWAY.value[0], message=message, details=[info]
    ).SerializeToString()


def test_the_server_says_when_to_come_back() -> None:
    assert retry_delay(refusal(status("away"))) == timedelta(seconds=2)


@pytest.mark.parametrize(
    "error",
    [
        refusal(b"\xff\xff"),
        refusal(status("away"), "told otherwise by a proxy"),
        refusal(status("away", -5)),
        refusal(status("away", 2**62)),
    ],
    ids=["garbage", "other message", "negative", "for ever"],
)
def test_details_that_make_no_sense_are_none(error: grpc.aio.AioRpcError) -> None:
    assert retry_delay(error) == timedelta(0)


def test_a_detail_that_is_not_there_is_not_found() -> None:
    assert not unpack(refusal(status("away")), error_details_pb2.ErrorInfo())


def test_the_reason_is_that_of_the_error_info() -> None:
    info = error_details_pb2.ErrorInfo(reason=Reason.DATABASE_AWAY, domain="bodega")
    assert reason_of(refusal(packed("away", info))) == "DATABASE_AWAY"
    assert not reason_of(refusal(status("away")))

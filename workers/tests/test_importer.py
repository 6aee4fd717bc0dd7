from datetime import timedelta

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from workers.importer import retry_delay

AWAY = grpc.StatusCode.UNAVAILABLE


def refusal(details: bytes, message: str = "away") -> grpc.aio.AioRpcError:
    trailers = grpc.aio.Metadata(("grpc-status-details-bin", details))
    return grpc.aio.AioRpcError(AWAY, grpc.aio.Metadata(), trailers, details=message)


def status(message: str) -> bytes:
    info = any_pb2.Any()
    info.Pack(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=2)))
    return status_pb2.Status(
        code=AWAY.value[0], message=message, details=[info]
    ).SerializeToString()


def test_the_server_says_when_to_come_back() -> None:
    assert retry_delay(refusal(status("away"))) == timedelta(seconds=2)


@pytest.mark.parametrize(
    "error",
    [refusal(b"\xff\xff"), refusal(status("away"), "told otherwise by a proxy")],
    ids=["garbage", "other message"],
)
def test_details_that_make_no_sense_are_none(error: grpc.aio.AioRpcError) -> None:
    assert retry_delay(error) == timedelta(0)

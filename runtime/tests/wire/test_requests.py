"""Single requests that break a rule: the right status, and the connection goes on."""

import asyncio
import gzip
import os
import zlib
from collections.abc import Sequence

import grpc
import pytest

from runtime.engine import Engine
from runtime.testing.bystander import Bystander
from runtime.testing.echo_process import SERVICE, EchoProcess
from runtime.testing.http2 import Http2Connection, Stream, message

MIB = 2**20
# StringValue(value="hi"), and the same as a message.
TEXT = b"\n\x02hi"
HI = message(TEXT)

ONE_REQUEST = ("Say", "Count")
KINDS = (*ONE_REQUEST, "Collect", "Chat")
HEALTH = "/grpc.health.v1.Health/Check"
UNKNOWN = "/no.such.Service/Method"
PATHS = (*(f"/{SERVICE}/{kind}" for kind in KINDS), HEALTH, UNKNOWN)

OK, INTERNAL, EXHAUSTED, UNIMPLEMENTED = (
    code.value[0]
    for code in (
        grpc.StatusCode.OK,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNIMPLEMENTED,
    )
)
GZIP = [("grpc-encoding", "gzip")]


async def still_answers(connection: Http2Connection) -> bool:
    response = await connection.request(f"/{SERVICE}/Say", HI)
    return (response.grpc_status, response.data) == (OK, HI)


@pytest.mark.parametrize("kind", ONE_REQUEST)
@pytest.mark.parametrize("body", [b"", HI[:-1]], ids=["none", "half"])
async def test_a_request_without_a_whole_message_is_internal(
    connection: Http2Connection, kind: str, body: bytes
) -> None:
    assert (await connection.request(f"/{SERVICE}/{kind}", body)).grpc_status == INTERNAL
    assert await still_answers(connection)


@pytest.mark.parametrize("kind", ONE_REQUEST)
async def test_a_second_message_where_one_is_due_is_ignored(
    connection: Http2Connection, kind: str
) -> None:
    response = await connection.request(f"/{SERVICE}/{kind}", HI + message(b"\n\x02no"))
    assert response.grpc_status == OK
    assert b"no" not in response.data
    assert await still_answers(connection)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("body", "headers"),
    [(message(b"no gzip at all", flag=1), GZIP), (message(gzip.compress(TEXT), flag=1), [])],
    ids=["broken", "undeclared"],
)
async def test_a_compressed_message_that_cannot_be_read_is_refused(
    connection: Http2Connection, kind: str, body: bytes, headers: list[tuple[str, str]]
) -> None:
    response = await connection.request(f"/{SERVICE}/{kind}", body, headers)
    assert response.grpc_status in {INTERNAL, UNIMPLEMENTED}
    assert await still_answers(connection)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_encoding_that_nobody_knows_is_refused(
    connection: Http2Connection, kind: str
) -> None:
    body, headers = message(b"brotli", flag=1), [("grpc-encoding", "br")]
    response = await connection.request(f"/{SERVICE}/{kind}", body, headers)
    assert response.grpc_status in {INTERNAL, UNIMPLEMENTED}
    assert await still_answers(connection)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", ["-1S", "abc", "10", "", "1.5S"])
async def test_a_malformed_timeout_is_internal_or_on_the_native_engine_none(
    connection: Http2Connection, engine: Engine, kind: str, value: str
) -> None:
    response = await connection.request(f"/{SERVICE}/{kind}", HI, [("grpc-timeout", value)])
    is_native = engine is Engine.NATIVE and kind in ONE_REQUEST
    assert response.grpc_status == (OK if is_native else INTERNAL)
    assert await still_answers(connection)


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain"])
async def test_another_content_type_is_answered_as_grpc(
    connection: Http2Connection, content_type: str | None
) -> None:
    response = await connection.request(f"/{SERVICE}/Say", HI, content_type=content_type)
    assert response.headers["content-type"] == "application/grpc"
    assert response.grpc_status == OK


@pytest.mark.parametrize("kind", KINDS)
async def test_metadata_above_16_kib_is_refused(
    connection: Http2Connection, engine: Engine, kind: str
) -> None:
    too_much = [("x-much", "a" * 9_000), ("x-more", "a" * 9_000)]
    response = await connection.request(f"/{SERVICE}/{kind}", HI, too_much)
    assert refusal(response) == (EXHAUSTED if engine is Engine.GRPCIO else 431)
    assert await still_answers(connection)


def refusal(response: Stream) -> int:
    """Return the gRPC status, or that of HTTP where there is no other."""
    return response.http_status if response.http_status != 200 else response.grpc_status


@pytest.mark.parametrize("kind", KINDS)
async def test_metadata_of_15_kib_is_let_in(connection: Http2Connection, kind: str) -> None:
    for _ in range(20):  # Where there are two limits, grpcio refuses some of those between.
        response = await connection.request(f"/{SERVICE}/{kind}", HI, [("x-much", "a" * 15_000)])
        assert response.grpc_status == OK


def zeros(mebibytes: int) -> bytes:
    """Compress zeros: a thousandth is left of them."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([packer.compress(bytes(MIB)) for _ in range(mebibytes)] + [packer.flush()])


BOMBS = {"zeros": zeros(256), "noise": gzip.compress(os.urandom(8 * MIB))}


def bounded(engine: Engine) -> Sequence[str]:
    """Return the paths where no compressed message is let in.

    The native engine inflates those that it serves itself, and counts them then: docs/wire.md.
    """
    return PATHS if engine is Engine.GRPCIO else [*PATHS[2:4], UNKNOWN]


@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_message_that_inflates_beyond_the_limit_costs_16_mib_at_most(
    served: EchoProcess, engine: Engine, bystander: Bystander, bomb: str
) -> None:
    body = message(BOMBS[bomb], flag=1)
    for path in bounded(engine):
        async with Http2Connection.open(served.address) as connection:
            with served.memory.growing_at_most(16 * MIB):
                response = await connection.request(path, body, GZIP)
            assert response.grpc_status == UNIMPLEMENTED, path
            assert await still_answers(connection), path


async def test_twenty_bombs_at_once_cost_16_mib_each_at_most(
    served: EchoProcess, engine: Engine, bystander: Bystander
) -> None:
    body = message(BOMBS["zeros"], flag=1)
    paths = bounded(engine)
    with served.memory.growing_at_most(20 * 16 * MIB):
        responses = await asyncio.gather(
            *(bombed(served.address, paths[number % len(paths)], body) for number in range(20))
        )
    assert {response.grpc_status for response in responses} == {UNIMPLEMENTED}


async def bombed(address: str, path: str, body: bytes) -> Stream:
    async with Http2Connection.open(address) as connection:
        return await connection.request(path, body, GZIP)


@pytest.mark.parametrize("path", PATHS)
async def test_a_message_that_inflates_beyond_the_limit_is_refused(
    connection: Http2Connection, engine: Engine, path: str
) -> None:
    response = await connection.request(path, message(zeros(8), flag=1), GZIP)
    assert response.grpc_status == (UNIMPLEMENTED if path in bounded(engine) else EXHAUSTED)
    assert await still_answers(connection)


async def test_a_message_is_refused_by_its_length_before_it_comes(
    connection: Http2Connection, engine: Engine
) -> None:
    for kind in KINDS if engine is Engine.GRPCIO else KINDS[2:]:
        number = connection.begin(f"/{SERVICE}/{kind}")
        await connection.write(number, message(bytes(5 * MIB))[:100], end=False)
        assert (await connection.stream(number).end()).grpc_status == EXHAUSTED, kind
    assert await still_answers(connection)

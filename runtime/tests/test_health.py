"""Health is what the checks say, for each service and for the whole."""

import asyncio
from datetime import timedelta
from typing import Any, cast

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from runtime.call import Context
from runtime.errors import Unavailable
from runtime.health import Health
from runtime.health_servicer import HealthServicer
from runtime.testing.echo import Echo, add_echo, echo_service
from runtime.testing.rpc import Serve
from runtime.testing.waiting import PATIENCE_SECONDS

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN

HealthStub: Any = health_pb2_grpc.HealthStub

NEVER = timedelta(days=1)


class Part:
    """Something that a service needs."""

    def __init__(self) -> None:
        self.broken = False

    async def check(self) -> None:
        if self.broken:
            raise ConnectionError


async def watch(stub: Any, service: str) -> Any:
    request = health_pb2.HealthCheckRequest(service=service)
    return stub.Watch(request, timeout=PATIENCE_SECONDS)


async def test_the_whole_is_as_healthy_as_its_parts(serve: Serve) -> None:
    echo, part = Echo(echo_service()), Part()
    health = Health({echo.service.full_name: part.check}, interval=NEVER)
    stub = HealthStub(await serve(add_echo, echo, echo.service, health=health))
    watching = await watch(stub, "")
    assert (await watching.read()).status == SERVING
    part.broken = True
    health.ask_again()
    assert (await watching.read()).status == NOT_SERVING
    of_service = health_pb2.HealthCheckRequest(service=echo.service.full_name)
    assert (await stub.Check(of_service)).status == NOT_SERVING
    part.broken = False
    health.ask_again()
    assert (await watching.read()).status == SERVING
    listed = await stub.List(health_pb2.HealthListRequest())
    assert {name: each.status for name, each in listed.statuses.items()} == {
        "": SERVING,
        echo.service.full_name: SERVING,
    }


async def test_checks_are_asked_again_and_again(serve: Serve) -> None:
    echo, part = Echo(echo_service()), Part()
    health = Health({echo.service.full_name: part.check}, interval=timedelta(milliseconds=10))
    stub = HealthStub(await serve(add_echo, echo, echo.service, health=health))
    watching = await watch(stub, echo.service.full_name)
    assert (await watching.read()).status == SERVING
    part.broken = True
    assert (await watching.read()).status == NOT_SERVING


async def test_a_check_that_hangs_has_failed(serve: Serve) -> None:
    echo = Echo(echo_service())

    async def hang() -> None:
        await asyncio.Event().wait()

    health = Health({echo.service.full_name: hang}, timeout=timedelta(milliseconds=10))
    stub = HealthStub(await serve(add_echo, echo, echo.service, health=health))
    assert (await stub.Check(health_pb2.HealthCheckRequest())).status == NOT_SERVING


async def test_who_watches_is_told_of_a_drain_that_begins_while_the_last_news_is_sent() -> None:
    health = Health()
    await health.check_all()
    request, context = health_pb2.HealthCheckRequest(), cast("Context", None)
    watching = HealthServicer(health).Watch(request, context)
    assert (await anext(watching)).status == SERVING
    health.drain()
    assert (await anext(watching)).status == NOT_SERVING
    with pytest.raises(Unavailable):
        await anext(watching)


async def test_an_unknown_service_is_not_found_and_can_be_watched(serve: Serve) -> None:
    echo = Echo(echo_service())
    stub = HealthStub(await serve(add_echo, echo, echo.service))
    with pytest.raises(aio.AioRpcError) as caught:
        await stub.Check(health_pb2.HealthCheckRequest(service="nowhere"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    watching = await watch(stub, "nowhere")
    assert (await watching.read()).status == UNKNOWN

"""The server as a process: started, stopped and killed."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

from bodega.discount.v1 import discount_pb2 as pb
from bodega.discount.v1 import discount_pb2_grpc
from discount.server import SERVICE
from discount.tests.conftest import SCOPES
from discount.tests.examples import message
from runtime.client import connect
from runtime.testing.issuer import LoopbackIssuer
from runtime.testing.modules import DEAR, modules_of
from runtime.testing.one_token import OneToken

if TYPE_CHECKING:
    from discount.tests.examples import Stub


async def start(*flags: str, home: Path) -> Process:
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("BODEGA_")},
        "PYTHONPATH": os.pathsep.join(sys.path),
        "XDG_STATE_HOME": str(home),
    }
    ports = ("--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0")
    command = (sys.executable, "-m", "discount.server", "--log-format", "json", *ports, *flags)
    return await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)


@asynccontextmanager
async def running(
    *flags: str, home: Path, issuer: LoopbackIssuer
) -> AsyncIterator[tuple[Process, Stub]]:
    process = await start("--issuer", issuer.url, *flags, home=home)
    tokens = OneToken(issuer.token("urn:bodega:discount", *SCOPES))
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            while (line := json.loads(await process.stderr.readline()))["event"] != "serving":
                continue
        patient = timedelta(minutes=1)
        async with connect(line["address"], SERVICE, tokens=tokens, timeout=patient) as channel:
            yield process, discount_pb2_grpc.DiscountServiceStub(channel)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
def codes(tmp_path: Path) -> Path:
    path = tmp_path / "codes.toml"
    path.write_text("[[discount]]\ncode = 'SHIPPED'\npercent = '10'\nredemption_limit = 100\n")
    return path


async def test_it_makes_the_codes_of_its_file_and_ends_on_sigterm(
    tmp_path: Path, issuer: LoopbackIssuer, codes: Path
) -> None:
    flags = ("--codes", str(codes))
    async with running(*flags, home=tmp_path, issuer=issuer) as (process, stub):
        found = await stub.GetDiscount(pb.GetDiscountRequest(code="shipped"))
        assert (found.discount.basis_points, found.state) == (1000, pb.DISCOUNT_STATE_ACTIVE)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await process.wait() == 0
    assert (tmp_path / "bodega" / "discount.db").stat().st_mode & 0o777 == 0o600


@pytest.fixture
def wrong_codes(tmp_path: Path) -> Path:
    path = tmp_path / "wrong.toml"
    path.write_text("[[discount]]\ncode = 'A'\n")
    return path


async def test_a_wrong_codes_file_stops_the_start(tmp_path: Path, wrong_codes: Path) -> None:
    process = await start("--codes", str(wrong_codes), home=tmp_path)
    async with asyncio.timeout(60):
        _, err = await process.communicate()
    assert process.returncode == 1
    assert (
        f"discount-server: --codes: {wrong_codes}: discount A: percent: or amounts" in err.decode()
    )


async def test_killed_while_codes_are_redeemed_it_has_counted_each_answer_once(
    tmp_path: Path, issuer: LoopbackIssuer, codes: Path
) -> None:
    flags = ("--codes", str(codes))
    answered: set[str] = set()

    async def redeem(stub: Stub, redeemer: str) -> None:
        request = pb.RedeemDiscountsRequest(redeemer=redeemer, codes=["SHIPPED"])
        (answer,) = (await stub.RedeemDiscounts(request)).results
        assert answer.state == pb.DISCOUNT_STATE_ACTIVE
        answered.add(redeemer)

    everybody = [f"redeemer-{number}" for number in range(60)]
    async with running(*flags, home=tmp_path, issuer=issuer) as (process, stub):
        for redeemer in everybody[:20]:
            await redeem(stub, redeemer)
        rest = [asyncio.create_task(redeem(stub, each)) for each in everybody[20:]]
        await rest[0]
        process.kill()
        lost = [each for each in await asyncio.gather(*rest, return_exceptions=True) if each]
        assert all(isinstance(each, grpc.aio.AioRpcError) for each in lost)
    async with running(*flags, home=tmp_path, issuer=issuer) as (_, stub):
        kept = await stub.GetDiscount(pb.GetDiscountRequest(code="SHIPPED"))
        assert len(answered) <= kept.discount.redemption_count <= len(everybody)
        await asyncio.gather(*(redeem(stub, each) for each in everybody))
        kept = await stub.GetDiscount(pb.GetDiscountRequest(code="SHIPPED"))
        assert kept.discount.redemption_count == len(everybody)


async def test_an_empty_postgresql_database_is_refused_until_it_is_migrated(
    postgres_url: str, tmp_path: Path, issuer: LoopbackIssuer
) -> None:
    process = await start("--database", postgres_url, home=tmp_path)
    async with asyncio.timeout(60):
        _, err = await process.communicate()
    assert process.returncode == 1
    assert "--migrate" in err.decode()
    flags = ("--database", postgres_url, "--migrate")
    async with running(*flags, home=tmp_path, issuer=issuer) as (_, stub):
        request = pb.CreateDiscountRequest(discount=message("A"))
        assert (await stub.CreateDiscount(request)).discount.code == "A"


def test_the_server_imports_nothing_dear_that_it_may_never_use() -> None:
    imported = modules_of("discount.server")
    assert "discount.server" in imported
    assert imported & DEAR == set()

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from bodega.product.v1 import product_pb2, product_pb2_grpc
from runtime.backoff import Backoff
from runtime.client import connect
from runtime.server import Server
from runtime.settings import ServerSettings
from workers.generator import Generator
from workers.importer import Importer, ImportRefusedError
from workers.stop import Stop
from workers.tests.processes import ProductServers, catalogue

SERVICE = product_pb2.DESCRIPTOR.services_by_name["ProductService"]

type Send = Callable[[str, int], Awaitable[product_pb2.ImportProductsResponse]]


@pytest.fixture
async def product(product_servers: ProductServers) -> str:
    _, address = await product_servers.start()
    return address


@pytest.fixture
def send(product_servers: ProductServers) -> Send:
    """Send the products of a sequence number to the server at an address."""

    async def send(address: str, sequence: int) -> product_pb2.ImportProductsResponse:
        async with connect(address, SERVICE, tokens=product_servers.tokens) as channel:
            importer = Importer(
                product_pb2_grpc.ProductServiceStub(channel),
                Stop(),
                deadline=timedelta(seconds=30),
                backoff=Backoff(),
            )
            response = await importer.send(Generator("a", 500, 300).requests(sequence))
            assert importer.is_connected
            return response

    return send


async def test_made_up_products_break_no_rule_and_the_catalogue_stops_growing(
    product: str, send: Send
) -> None:
    inserted = []
    for sequence in range(4):
        response = await send(product, sequence)
        assert response.rejected_count == 0
        inserted.append(response.inserted_count)
    assert inserted == [300, 200, 0, 0]
    assert len(await catalogue(product)) == 500


async def test_a_sequence_number_sent_again_has_no_effect(product: str, send: Send) -> None:
    for sequence in range(3):
        await send(product, sequence)
    before = await catalogue(product)
    repeated = await send(product, 1)
    assert repeated.repeated_batch_count == 2
    assert repeated.inserted_count == 200
    assert await catalogue(product) == before


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"bodega_product_worker_{name}", labels) or 0.0


async def test_what_is_sent_is_counted(product: str, send: Send) -> None:
    batches, inserted = sample("batches_sent_total"), sample("products_total", outcome="inserted")
    await send(product, 0)
    assert sample("batches_sent_total") - batches == 2
    assert sample("products_total", outcome="inserted") - inserted == 300
    assert sample("last_success_timestamp_seconds") > 1_700_000_000


async def test_all_products_of_an_interval_go_out_in_chunks_of_one_stream(
    product: str, send: Send
) -> None:
    method = {"service": SERVICE.full_name, "method": "ImportProducts", "code": "OK"}

    def streams() -> float:
        return REGISTRY.get_sample_value("bodega_rpc_client_handled_total", method) or 0.0

    before, batches = streams(), sample("batches_sent_total")
    assert (await send(product, 0)).inserted_count == 300
    assert streams() - before == 1
    assert sample("batches_sent_total") - batches == 2


async def test_a_server_that_is_not_product_is_refused_and_not_asked_again(send: Send) -> None:
    failures = sample("failures_total", code="UNIMPLEMENTED")
    server = Server(ServerSettings.model_validate({"listen": "127.0.0.1:0"}))
    async with server.running() as address:
        with pytest.raises(ImportRefusedError, match="UNIMPLEMENTED"):
            await send(address, 0)
    assert sample("failures_total", code="UNIMPLEMENTED") - failures == 1

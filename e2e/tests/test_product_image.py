"""What the containers are for: products are imported over loopback, and kept."""

import grpc
from google.type import money_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bazel.image.testing.podman import Podman
from bodega.product.v1 import product_pb2, product_pb2_grpc
from e2e.tests.conftest import Running, connected
from runtime.testing.issuer import LoopbackIssuer


def batch(name: str) -> product_pb2.ImportProductsRequest:
    price = money_pb2.Money(currency_code="EUR", units=12, nanos=500_000_000)
    status = product_pb2.PRODUCT_STATUS_IN_STOCK
    return product_pb2.ImportProductsRequest(
        batch_id=name,
        products=[
            product_pb2.Product(sku=f"{name}-{row}", name="Chair", price=price, status=status)
            for row in range(200)
        ],
    )


def import_products(
    channel: grpc.Channel, issuer: LoopbackIssuer, name: str
) -> product_pb2.ImportProductsResponse:
    stub = product_pb2_grpc.ProductServiceStub(channel)
    batches = [batch(f"{name}-{number}") for number in range(5)]
    token = issuer.token("urn:bodega:product", "catalog.write")
    metadata = (("authorization", f"Bearer {token}"),)
    return stub.ImportProducts(iter(batches), timeout=60, metadata=metadata)


def test_it_imports_a_catalogue_and_says_that_it_serves(
    channel: grpc.Channel, issuer: LoopbackIssuer
) -> None:
    imported = import_products(channel, issuer, "first")
    assert (imported.inserted_count, imported.rejected_count) == (1000, 0)
    health = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call]
    request = health_pb2.HealthCheckRequest(service="bodega.product.v1.ProductService")
    assert health.Check(request, timeout=60).status == health_pb2.HealthCheckResponse.SERVING


def test_sigterm_ends_it_with_exit_code_0_and_the_catalogue_is_kept(
    podman: Podman, product: Running, issuer: LoopbackIssuer
) -> None:
    with connected() as channel:
        import_products(channel, issuer, "kept")
    assert podman.terminate(product.container) == 0
    podman("start", product.container)
    with connected() as channel:
        again = import_products(channel, issuer, "kept")
    assert (again.inserted_count, again.repeated_batch_count) == (1000, 5)


def test_a_worker_in_its_container_fills_the_catalogue_until_sigterm(
    podman: Podman, worker: Running, channel: grpc.Channel
) -> None:
    stub = product_pb2_grpc.ProductServiceStub(channel)
    watching = stub.WatchProducts(product_pb2.WatchProductsRequest(), timeout=60)
    mine = ("first-", "kept-")
    assert any(
        not change.stored.sku.startswith(mine)
        for response in watching
        for change in response.changes
    )
    assert podman.terminate(worker.container) == 0
    podman("start", worker.container)

"""What the containers are for together: customers fill their carts, and the carts are kept."""

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bazel.image.testing.podman import Podman
from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from e2e import programs
from e2e.tests.conftest import Running, connected
from e2e.tests.members import CART, DISCOUNT, ISSUER, MEMBERS, PRODUCT, SERVING

SERVERS = [member.name for member in MEMBERS if member.says == SERVING]

type Shop = dict[str, Running]


@pytest.fixture
def metadata(podman: Podman, shop: Shop) -> tuple[tuple[str, str], ...]:
    """A token of the client that the identity server made for whoever runs the shop."""
    program = programs.PRIVATE_FILE.replace("CLIENT", "operator")
    secret = podman.python(shop["identity"].container, program)["text"]
    answer = httpx.post(
        f"{ISSUER}/token",
        auth=("operator", secret),
        data={
            "grant_type": "client_credentials",
            "scope": "carts carts.manage",
            "resource": "urn:bodega:cart",
        },
        timeout=60,
    )
    token = answer.raise_for_status().json()["access_token"]
    return (("authorization", f"Bearer {token}"),)


def listed(metadata: tuple[tuple[str, str], ...]) -> dict[str, cart_pb2.Cart]:
    with connected(CART) as channel:
        stub = cart_pb2_grpc.CartServiceStub(channel)
        request = cart_pb2.ListCartsRequest(page_size=100)
        response = stub.ListCarts(request, timeout=60, metadata=metadata)
    return {cart.owner: cart for cart in response.carts}


@pytest.mark.parametrize(
    ("address", "service"),
    [
        (PRODUCT, "bodega.product.v1.ProductService"),
        (DISCOUNT, "bodega.discount.v1.DiscountService"),
        (CART, "bodega.cart.v1.CartService"),
    ],
)
def test_each_server_says_that_it_serves(shop: Shop, address: str, service: str) -> None:
    assert shop
    with connected(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call]
        answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=60)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_no_cart_is_shown_without_a_token(shop: Shop) -> None:
    assert shop
    with pytest.raises(grpc.RpcError) as refused:
        listed(())
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_the_workers_customers_have_carts_with_prices(
    shop: Shop, metadata: tuple[tuple[str, str], ...]
) -> None:
    assert shop
    filled = [cart for cart in listed(metadata).values() if cart.totals.item_count]
    assert filled
    for cart in filled:
        assert cart.totals.subtotal.units or cart.totals.subtotal.nanos, cart.owner


def test_sigterm_ends_each_with_exit_code_0_and_the_carts_are_kept(
    podman: Podman, shop: Shop, metadata: tuple[tuple[str, str], ...]
) -> None:
    for name in ("cart-worker", "product-worker"):
        assert podman.terminate(shop[name].container) == 0, name
    before = listed(metadata)
    assert before
    for name in reversed(SERVERS):
        assert podman.terminate(shop[name].container) == 0, name
    for name in SERVERS:
        podman("start", shop[name].container)
        podman.read_until(shop[name].container, SERVING, times=2)
    assert listed(metadata) == before

"""GetCart of five items through the whole chain, token and all, to a bare grpc.aio echo."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from google.type import money_pb2

from bench.against_echo import Limits, Side, measure
from bench.benchmark import Options, check_equal
from bench.cart_server import SERVICE, CartServer, cart_server
from bench.load import Call, framed, write_body
from bench.measure import Figure, Target
from bench.product_server import ProductServer, product_server
from bodega.cart.v1 import cart_pb2
from bodega.product.v1 import product_pb2

ITEMS = 5
LIMITS = Limits(native=Target("below", 0.45), grpcio=Target("below", 2.1))


async def run(options: Options) -> Sequence[Figure]:
    """Measure both engines and the echo in turns."""
    async with AsyncExitStack() as stack:
        product = await stack.enter_async_context(product_server(options.folder / "product"))
        items = [
            cart_pb2.NewItem(product_id=await _sell(product, n), quantity=2) for n in range(ITEMS)
        ]
        sides: dict[str, Side] = {}
        for engine in ("native", "grpcio"):
            server = await stack.enter_async_context(
                cart_server(options.folder / engine, engine, product.address, product.issuer)
            )
            sides[engine] = await _cart_side(options, server, items)
        return await measure(options, "GetCart", sides, LIMITS)


async def _sell(product: ProductServer, number: int) -> int:
    price = money_pb2.Money(currency_code="EUR", units=12, nanos=500_000_000)
    sold = product_pb2.Product(
        sku=f"SKU-{number}",
        name=f"Product number {number}",
        price=price,
        status=product_pb2.PRODUCT_STATUS_IN_STOCK,
    )
    created = await product.stub.CreateProduct(product_pb2.CreateProductRequest(product=sold))
    return created.product.id


async def _cart_side(
    options: Options, server: CartServer, items: Sequence[cart_pb2.NewItem]
) -> Side:
    created = await server.stub.CreateCart(cart_pb2.CreateCartRequest(items=items))
    check_equal("items of the cart", len(created.cart.items), ITEMS)
    request = cart_pb2.GetCartRequest()
    response = cart_pb2.GetCartResponse(cart=created.cart)
    counted = 0

    async def check(calls: int) -> None:
        nonlocal counted
        counted += calls
        check_equal("GetCart, counted", await server.handled("GetCart"), {"OK": counted})
        check_equal("GetCart", await server.stub.GetCart(request), response)
        counted += 1

    file = write_body(
        options.folder / f"{server.process.address}.body", [request.SerializeToString()]
    )
    call = Call(f"/{SERVICE}/GetCart", file)
    response_bytes = len(framed(response.SerializeToString()))
    return Side(server.process, call, response_bytes, check, token=server.token)

"""GetProduct through the whole chain, to a bare grpc.aio echo."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from bench.against_echo import Limits, Side, measure
from bench.benchmark import Options, check_equal
from bench.catalogue import batches, drafts
from bench.load import framed, h2load
from bench.measure import Figure, Target
from bench.product_server import ProductServer, product_server, write_call
from bodega.product.v1 import product_pb2

PRODUCTS = 10_000
LIMITS = Limits(native=Target("below", 0.4), grpcio=Target("below", 1.8))


async def run(options: Options) -> Sequence[Figure]:
    """Measure both engines and the echo in turns."""
    async with AsyncExitStack() as stack:
        sides: dict[str, Side] = {}
        for engine in ("native", "grpcio"):
            folder = options.folder / engine
            server = await stack.enter_async_context(product_server(folder, engine))
            sides[engine] = await product_side(options, server)
        return await measure(options, "GetProduct", sides, LIMITS)


async def product_side(options: Options, server: ProductServer) -> Side:
    """Fill the catalogue, and return GetProduct of one of its products."""
    chunks = batches(drafts(PRODUCTS), 200)
    import_call = write_call(options.folder / f"{server.address}.import", "ImportProducts", chunks)
    await h2load(options.h2load, server.address, import_call, token=server.token)
    check_equal("products imported", await server.count(), PRODUCTS)
    page = await server.stub.ListProducts(product_pb2.ListProductsRequest(page_size=1))
    request = product_pb2.GetProductRequest(id=page.products[0].id)
    response = product_pb2.GetProductResponse(product=page.products[0])

    check_equal("GetProduct", await server.stub.GetProduct(request), response)
    counted = 1

    async def check(calls: int) -> None:
        nonlocal counted
        counted += calls
        check_equal("GetProduct, counted", await server.handled("GetProduct"), {"OK": counted})
        check_equal("GetProduct", await server.stub.GetProduct(request), response)
        counted += 1

    file = options.folder / f"{server.address}.body"
    call = write_call(file, "GetProduct", [request.SerializeToString()])
    return Side(server.process, call, len(framed(response.SerializeToString())), check)

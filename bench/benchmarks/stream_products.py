"""StreamProducts in its default chunks, to one product a message."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from bench.benchmark import Options, check_equal
from bench.catalogue import batches, drafts
from bench.load import Call, framed, h2load
from bench.measure import Figure, Series, Target, in_turns
from bench.product_server import ProductServer, product_server, write_call
from bodega.product.v1 import product_pb2

PRODUCTS = 100_000
# One product a message takes so much longer: it streams the last of the catalogue only.
SINGLE_PRODUCTS = 20_000


class Stream(NamedTuple):
    """A stream to read to its end, and what it must bring."""

    call: Call
    products: int
    body_bytes: int


async def run(options: Options) -> Sequence[Figure]:
    """Fill a catalogue, then read it in turns."""
    async with product_server(options.folder) as server:
        await _fill(options, server)
        chunks = product_pb2.StreamProductsRequest()
        single = product_pb2.StreamProductsRequest(
            chunk_size=1, after_id=await _id_before_last(server, SINGLE_PRODUCTS)
        )
        runs = {
            name: partial(_drain, options, server, await _stream(options, server, request, count))
            for name, request, count in (
                ("default chunks", chunks, PRODUCTS),
                ("one a message", single, SINGLE_PRODUCTS),
            )
        }
        reached = await in_turns(runs, options.rounds, options.report)
        told = {"OK": 2 * options.rounds + 3}
        check_equal("streams, counted", await server.handled("StreamProducts"), told)
    ours, one = (Series(side, "products/s", rates) for side, rates in reached.items())
    return [Figure("StreamProducts, to one a message", ours, one, Target("at least", 30.0))]


async def _fill(options: Options, server: ProductServer) -> None:
    options.report("importing")
    chunks = batches(drafts(PRODUCTS), 200)
    call = write_call(options.folder / "import.body", "ImportProducts", chunks)
    await h2load(options.h2load, server.address, call, token=server.token)


async def _id_before_last(server: ProductServer, products: int) -> int:
    """Return the id after which so many products follow."""
    chunks = server.stub.StreamProducts(product_pb2.StreamProductsRequest())
    ids = [product.id async for chunk in chunks for product in chunk.products]
    check_equal("products imported", len(ids), PRODUCTS)
    return ids[-products - 1]


async def _stream(
    options: Options,
    server: ProductServer,
    request: product_pb2.StreamProductsRequest,
    products: int,
) -> Stream:
    """Read the stream once with a real stub, to know what it brings."""
    responses = [each async for each in server.stub.StreamProducts(request)]
    found = sum(len(each.products) for each in responses)
    check_equal("products streamed", found, products)
    if request.chunk_size == 1:
        check_equal("messages of a stream of single products", len(responses), products)
    body = sum(len(framed(each.SerializeToString())) for each in responses)
    file = options.folder / f"chunk-size-{request.chunk_size}.body"
    call = write_call(file, "StreamProducts", [request.SerializeToString()])
    return Stream(call, products, body)


async def _drain(options: Options, server: ProductServer, stream: Stream) -> float:
    """Read the stream to its end, and return the products a second."""
    load = await h2load(options.h2load, server.address, stream.call)
    check_equal("bytes streamed", load.data_bytes, stream.body_bytes)
    return stream.products / load.seconds
